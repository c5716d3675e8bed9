"""Traces, as a collector gets them: from the request to the end of the turn it asked for."""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from moorage_api.events import FIELD as EVENT_FIELD
from moorage_api.events import encode_entry
from moorage_api.inbox import FIELD, decode_input, traceparent_in
from moorage_api.keys import SessionKeys
from moorage_gateway.app import BASE
from moorage_testing.collector import attributes, running_collector
from moorage_testing.gateway import REPOSITORY, settings_for
from moorage_testing.history import asked, said, used
from moorage_testing.live import LIMIT, publish
from moorage_testing.redis import RedisServer
from moorage_testing.serving import Serving, connected
from moorage_testing.wire import Wire

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"
CREATE = json.dumps({"projectPath": REPOSITORY}).encode()


async def turn(served: Serving, wire: Wire, **headers: str) -> tuple[str, str, Any]:
    """Send a message, have it worked on, and return its session, its id and its inbox entry."""
    session_id = (await wire.ask("POST", f"{BASE}/sessions", CREATE)).json["id"]
    path = f"{BASE}/sessions/{session_id}/messages"
    message = (await wire.ask("POST", path, b'{"content": "x"}', **headers)).json["message"]
    entries: Any = await served.redis.xrange(SessionKeys(session_id).inbox)
    await publish(served.redis, session_id, asked(message["id"], "x"), used(message["id"]))
    async with asyncio.timeout(LIMIT):
        while not (await wire.ask("GET", path)).json["session"]["lastJobStatus"]:
            pass
    return session_id, message["id"], entries[0][1][FIELD]


async def test_a_turn_is_traced_from_its_request_on(home: Path, redis_server: RedisServer) -> None:
    with running_collector() as collector:
        tracing = {"endpoint": collector.url, "headers": "x-team=harbour, Authorization=Bearer a"}
        settings = settings_for(home, redis_server.url, tracing=tracing)
        async with connected(settings) as (served, wire):
            session_id, turn_id, entry = await turn(
                served, wire, traceparent=CALLER, X_Request_ID="r-1"
            )
        request = collector.named(f"POST {BASE}/sessions/{{session_id}}/messages")
        worked = collector.named("turn")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, "00f067aa0ba902b7")
    told = attributes(request)
    assert told["http.response.status_code"] == 201
    assert told["http.route"] == f"{BASE}/sessions/{{session_id}}/messages"
    assert (told["moorage.request_id"], told["moorage.session_id"]) == ("r-1", session_id)
    assert (worked.trace_id, worked.parent_span_id) == (request.trace_id, request.span_id)
    assert attributes(worked)["moorage.turn_id"] == turn_id
    assert attributes(worked)["moorage.outcome"] == "completed"
    assert worked.end_time_unix_nano - worked.start_time_unix_nano == 9_000_000
    assert traceparent_in(entry) == f"00-{TRACE}-{request.span_id.hex()}-01"
    assert decode_input(entry).input_id == turn_id
    assert collector.headers[0]["x-team"] == "harbour"
    assert collector.headers[0]["authorization"] == "Bearer a"
    assert collector.resources[0]["service.name"] == "moorage-gateway"


@pytest.mark.parametrize(
    ("forged", "traced"),
    [
        ({"data": {"durationMs": 10**18}}, False),
        ({"data": {"durationMs": -1}}, False),
        ({"data": {"turn": {"outputTokens": 2**70}}}, False),
        ({"timestamp": "1969-12-31T23:59:59.000Z"}, True),
        ({"timestamp": "1970-01-01T00:00:00.001Z"}, True),
        ({"timestamp": "9999-12-31T23:59:59.000Z"}, True),
    ],
    ids=str,
)
async def test_what_a_runner_forges_loses_no_others_trace(
    home: Path, redis_server: RedisServer, forged: dict[str, Any], *, traced: bool
) -> None:
    with running_collector() as collector:
        settings = settings_for(home, redis_server.url, tracing={"endpoint": collector.url})
        async with connected(settings) as (served, wire):
            hostile, forged_id = await forge(served, wire, forged)
            _, honest_id, _ = await turn(served, wire)
    turns = [attributes(span)["moorage.turn_id"] for span in collector.spans if span.name == "turn"]
    assert turns == ([forged_id] if traced else []) + [honest_id]
    for span in collector.spans:
        assert 0 <= span.start_time_unix_nano <= span.end_time_unix_nano, hostile


async def forge(served: Serving, wire: Wire, forged: dict[str, Any]) -> tuple[str, str]:
    """Have a runner end a turn with this in its words; return its session and the turn."""
    session_id = (await wire.ask("POST", f"{BASE}/sessions", CREATE)).json["id"]
    path = f"{BASE}/sessions/{session_id}/messages"
    turn_id = (await wire.ask("POST", path, b'{"content": "x"}')).json["message"]["id"]
    said_of_it: dict[str, Any] = json.loads(encode_entry(used(turn_id)))
    said_of_it |= forged | {"data": said_of_it["data"] | forged.get("data", {})}
    await served.redis.xadd(
        SessionKeys(session_id).events, {EVENT_FIELD: json.dumps(said_of_it).encode()}
    )
    await publish(served.redis, session_id, said(turn_id, 1, "after it"))
    async with asyncio.timeout(LIMIT):
        while b"after it" not in (await wire.ask("GET", path)).body:
            pass
    return session_id, turn_id


async def test_what_the_caller_does_not_sample_is_not_sent(
    home: Path, redis_server: RedisServer
) -> None:
    with running_collector() as collector:
        settings = settings_for(
            home, redis_server.url, tracing={"endpoint": collector.url, "sample_ratio": 0}
        )
        async with connected(settings) as (served, wire):
            *_, entry = await turn(served, wire, traceparent=CALLER.replace("-01", "-00"))
    assert collector.spans == []
    assert str(traceparent_in(entry)).endswith("-00")


@pytest.mark.usefixtures("log_file")
async def test_a_failure_is_marked_and_a_retry_is_the_same_message(
    home: Path, redis_server: RedisServer
) -> None:
    with running_collector() as collector:
        settings = settings_for(home, redis_server.url, tracing={"endpoint": collector.url})
        async with connected(settings) as (served, wire):
            made = (await wire.ask("POST", f"{BASE}/sessions", CREATE)).json["id"]
            path = f"{BASE}/sessions/{made}/messages"
            key = {"Idempotency_Key": "k-1"}
            first = await wire.ask("POST", path, b'{"content": "x"}', **key)
            again = await wire.ask("POST", path, b'{"content": "x"}', **key)
            assert (first.json, again.status) == (again.json, 201)
            served.backend.fault = RuntimeError("broken")
            assert (await wire.ask("GET", f"{BASE}/sessions")).status == 500
        span = collector.named(f"GET {BASE}/sessions")
    assert span.status.code == span.status.STATUS_CODE_ERROR


async def test_a_collector_that_is_away_holds_nothing_up(
    home: Path, redis_server: RedisServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    settings = settings_for(
        home, redis_server.url, tracing={"endpoint": f"http://127.0.0.1:{port}"}
    )
    async with asyncio.timeout(3 * LIMIT):
        async with connected(settings) as (served, wire):
            await turn(served, wire)


async def test_without_a_collector_nothing_goes_along(
    home: Path, redis_server: RedisServer
) -> None:
    async with connected(settings_for(home, redis_server.url)) as (served, wire):
        *_, entry = await turn(served, wire, traceparent=CALLER)
    assert b"traceparent" not in entry


def test_without_a_collector_nothing_is_imported(home: Path) -> None:
    code = """
import sys
from pathlib import Path
from moorage_gateway.app import create_app
from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import settings_for
create_app(settings_for(Path(sys.argv[1]), "redis://localhost"), MemoryBackend().opened)
unwanted = ("opentelemetry.sdk.trace", "opentelemetry.exporter")  # redis-py looks for metrics
print([name for name in sys.modules if name.startswith(unwanted)])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
