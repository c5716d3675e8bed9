"""The API against its own description: requests that follow it and requests that do not.

None may end in an error of the server, and every answer has to be one that is described. What is
sent follows from the description alone: the same in every run.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from moorage_testing.described import AnyCase, Caller, described_gateway
from moorage_testing.postgres import PostgresServer
from moorage_testing.redis import running_redis

DESCRIPTION: Final = Path(__file__).parents[3] / "docs" / "openapi.json"
STREAMS: Final = "/events$"
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
LIMIT: Final = 30.0
BOUNDED: Final = settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def described(*, boundaries: bool) -> BaseSchema:
    """Return the description; with ``boundaries`` each limit in it is tried, from both sides."""
    config = SchemathesisConfig.from_dict({"phases": {"coverage": {"enabled": boundaries}}})
    return schemathesis.openapi.from_path(DESCRIPTION, config=config)


ALL = described(boundaries=True)
SOME = described(boundaries=False)


@pytest.fixture(scope="module")
def callers(postgres_server: PostgresServer, postgres_template: str) -> Iterator[dict[str, Caller]]:
    database = postgres_server.make_database(postgres_template)
    home = Path(tempfile.mkdtemp(prefix="gateway-"))
    try:
        with (
            running_redis() as redis,
            described_gateway(home, redis.url, postgres_server.url(database)) as callers,
        ):
            yield callers
    finally:
        shutil.rmtree(home)
        postgres_server.drop_database(database)


@ALL.exclude(path_regex=STREAMS).parametrize()
@BOUNDED
def test_an_admins_requests(case: AnyCase, callers: dict[str, Caller]) -> None:
    check(case, callers["admin"])


@SOME.exclude(path_regex=STREAMS).parametrize()
@BOUNDED
def test_a_users_requests(case: AnyCase, callers: dict[str, Caller]) -> None:
    check(case, callers["user"])


@ALL.include(path_regex=STREAMS).parametrize()
@BOUNDED
def test_streams(case: AnyCase, callers: dict[str, Caller]) -> None:
    """Of a stream, which does not end, the head alone."""
    caller = callers["user"]
    caller.fill(case)
    sent = case.as_transport_kwargs(caller.url, caller.headers_for(case.operation))
    with requests.request(**sent, stream=True, timeout=LIMIT) as answer:
        assert answer.status_code < 500, answer.text
        if answer.status_code == 200:
            assert answer.headers["content-type"].startswith("text/event-stream")


def check(case: AnyCase, caller: Caller) -> None:
    caller.fill(case)
    answer = case.call(caller.url, headers=caller.headers_for(case.operation), timeout=LIMIT)
    case.validate_response(answer, checks=CHECKS)
