from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from moorage_scripted_model import RunningModel, running_model
from moorage_testing.redis import RedisServer, running_redis
from moorage_testing.runner import RunnerUnderTest

MakeRunner = Callable[..., RunnerUnderTest]


@pytest.fixture(scope="session")
def model() -> Iterator[RunningModel]:
    with running_model() as running:
        yield running


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def make_runner(
    tmp_path: Path, model: RunningModel, redis_server: RedisServer
) -> Iterator[MakeRunner]:
    made: list[RunnerUnderTest] = []

    def make(redis: RedisServer = redis_server, **options: Any) -> RunnerUnderTest:
        root = tmp_path / f"session-{len(made)}"
        runner = RunnerUnderTest(root, redis, model, str(uuid4()), **options)
        made.append(runner)
        return runner

    yield make
    for runner in made:
        runner.stop()
