"""What surrounds every answer: tags, compression, security headers, origins, ids."""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from moorage_gateway.app import BASE
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway, settings_for
from moorage_testing.live import publish_texts
from moorage_testing.redis import RedisServer
from moorage_testing.serving import connected

_ZSTD_FRAME = b"\x28\xb5\x2f\xfd"
LONG = {"projectPath": REPOSITORY, "context": "a long context " * 200}


async def test_what_has_not_changed_is_not_sent_again(gateway: Gateway) -> None:
    session_id = await gateway.create()
    first = await gateway.client.get(f"/sessions/{session_id}")
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in first.headers["Vary"]
    for asked in (tag, f'"x", {tag}', tag.removeprefix("W/"), "*"):
        again = await gateway.client.get(
            f"/sessions/{session_id}", headers={"If-None-Match": asked}
        )
        assert (again.status_code, again.content) == (304, b""), asked
        assert again.headers["ETag"] == tag
        assert "Content-Length" not in again.headers
    await gateway.client.patch(f"/sessions/{session_id}", json={"context": "another"})
    changed = await gateway.client.get(f"/sessions/{session_id}", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


async def test_only_whole_answers_to_reads_have_a_tag(gateway: Gateway) -> None:
    session_id = await gateway.create()
    created = await gateway.client.post(
        f"/sessions/{session_id}/messages", json={"content": "x"}, headers={"If-None-Match": "*"}
    )
    missing = await gateway.client.get("/sessions/none", headers={"If-None-Match": "*"})
    assert (created.status_code, missing.status_code) == (201, 404)
    for answer in (created, missing):
        assert "ETag" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("accepted", "used"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, br, zstd", "zstd"),
        ("gzip;q=1, br;q=0", "gzip"),
        ("identity", None),
        ("deflate", None),
    ],
)
async def test_long_answers_are_compressed(
    gateway: Gateway, accepted: str, used: str | None
) -> None:
    created = await gateway.client.post("/sessions", json=LONG)
    path = f"/sessions/{created.json()['id']}"
    answer = await gateway.client.get(path, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == used
    assert "Accept-Encoding" in answer.headers["Vary"]
    if used == "zstd":  # the client leaves it as it is
        assert answer.content.startswith(_ZSTD_FRAME)
    else:
        assert answer.json()["context"] == LONG["context"]
    if used is not None:
        assert int(answer.headers["Content-Length"]) < len(LONG["context"]) / 2
    tag = {"If-None-Match": answer.headers["ETag"], "Accept-Encoding": accepted}
    assert (await gateway.client.get(path, headers=tag)).status_code == 304


async def test_short_answers_are_not_compressed(gateway: Gateway) -> None:
    answer = await gateway.client.get("/health/live", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("accepted", ["gzip", "br", "zstd", "gzip, deflate, br, zstd"])
async def test_a_stream_is_never_compressed(
    home: Path, redis_server: RedisServer, accepted: str
) -> None:
    async with connected(settings_for(home, redis_server.url)) as (served, wire):
        made = await wire.ask("POST", f"{BASE}/sessions", json.dumps(LONG).encode())
        session_id = made.json["id"]
        await publish_texts(served.redis, session_id, ["hello " * 1000])
        path = f"{BASE}/sessions/{session_id}/events?after=0"
        await wire.send("GET", path, Accept_Encoding=accepted)
        status, headers = await wire.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert "content-encoding" not in headers
        assert "etag" not in headers
        await wire.until(b"hello " * 1000)
        served.server.should_exit = True
        await wire.until_end()


async def test_a_compressed_answer_is_what_it_says_on_the_wire(
    home: Path, redis_server: RedisServer
) -> None:
    async with connected(settings_for(home, redis_server.url)) as (_, wire):
        made = await wire.ask("POST", f"{BASE}/sessions/", json.dumps(LONG).encode())
        path = f"{BASE}/sessions/{made.json['id']}"
        answer = await wire.ask("GET", path, Accept_Encoding="gzip")
        plain = zlib.decompress(answer.body, 16 + zlib.MAX_WBITS)
        assert json.loads(plain)["id"] == made.json["id"]


async def test_pages_of_an_allowed_origin_may_read_the_errors_too(
    home: Path, redis_server: RedisServer
) -> None:
    origin = "https://app.example.com"
    settings = settings_for(home, redis_server.url, http={"allowed_origins": [origin]})
    async with running_gateway(settings) as gateway:
        for path, status in (("/sessions", 200), ("/sessions/none", 404), ("/nowhere", 404)):
            answer = await gateway.client.get(path, headers={"Origin": origin})
            assert answer.status_code == status
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert "Origin" in answer.headers["Vary"]
            for name in ("ETag", "Retry-After", "X-Request-ID"):
                assert name in answer.headers["Access-Control-Expose-Headers"]
        gateway.backend.fault = RuntimeError("broken")
        broken = await gateway.client.get("/sessions", headers={"Origin": origin})
        assert broken.status_code == 500
        assert broken.json()["details"]["requestId"] == broken.headers["X-Request-ID"]
        assert "broken" not in broken.text
        assert broken.headers["Access-Control-Allow-Origin"] == origin


async def test_every_answer_has_the_security_headers(gateway: Gateway) -> None:
    gateway.backend.fault = RuntimeError("broken")
    for path in ("/health/live", "/nowhere", "/sessions"):
        headers = (await gateway.client.get(path)).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Strict-Transport-Security" not in headers


def logged(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_every_line_of_a_request_has_its_id_and_its_session(
    home: Path, redis_server: RedisServer, log_file: Path
) -> None:
    settings = settings_for(home, redis_server.url)
    async with connected(settings) as (served, wire):
        made = await wire.ask("POST", f"{BASE}/sessions", json.dumps(LONG).encode())
        session_id = made.json["id"]
        served.backend.away = True
        path = f"{BASE}/sessions/{session_id}/suspend"
        await wire.ask("POST", path, b"", X_Request_ID="mine-1")
        await wire.ask("GET", f"{BASE}/health/live", X_Request_ID="mine-2")
    lines = logged(log_file)
    first = [line for line in lines if line.get("request_id") == "mine-1"]
    assert [line["event"] for line in first] == ["audit", "request failed", "request"]
    assert {line["session"] for line in first} == {session_id}
    (second,) = (line for line in lines if line.get("request_id") == "mine-2")
    assert "session" not in second
