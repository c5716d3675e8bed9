from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from moorage_scripted_model import RunningModel, running_model
from moorage_testing.limited import limited_login
from moorage_testing.pod import Image, PodUnderTest
from moorage_testing.pod_fixtures import image, shared  # noqa: F401 - fixtures
from moorage_testing.redis import RedisServer, running_redis
from moorage_testing.runner import RunnerUnderTest

MakeRunner = Callable[..., RunnerUnderTest]


@pytest.fixture(scope="session")
def model() -> Iterator[RunningModel]:
    with running_model() as running:
        yield running


@pytest.fixture(scope="session")
def redis_six() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_seven() -> Iterator[RedisServer]:
    with running_redis(seven=True) as server:
        yield server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Say where a test's runner is: with an agent as in a pod, or all in one process ("local").

    Most of it is the same code. A module whose matter differs has KINDS, and runs in each.
    """
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", getattr(metafunc.module, "KINDS", ["pod"]))


@pytest.fixture
def redis_server(request: pytest.FixtureRequest) -> RedisServer:
    """Return Redis as it is there: in a pod with a login for each key what it is for."""
    pod = "kind" in request.fixturenames and request.getfixturevalue("kind") == "pod"
    server: RedisServer = request.getfixturevalue("redis_seven" if pod else "redis_six")
    return server


@pytest.fixture
def make_runner(
    kind: str,
    shared: Path,  # noqa: F811
    image: Image,  # noqa: F811
    model: RunningModel,
    redis_server: RedisServer,
) -> Iterator[MakeRunner]:
    """Make runners, where the test has them."""
    made: list[RunnerUnderTest] = []

    def make(redis: RedisServer = redis_server, **options: Any) -> RunnerUnderTest:
        session_id = str(uuid4())
        if redis is redis_server:  # never restarted: a session's user lasts, as it does in a pod
            options["login"] = limited_login(redis.url, session_id)
        arguments = (shared / f"session-{len(made)}", redis, model, session_id)
        if kind == "pod":
            made.append(PodUnderTest(image, *arguments, **options))
        else:
            made.append(RunnerUnderTest(*arguments, **options))
        return made[-1]

    yield make
    for runner in made:
        runner.stop()
