"""Whatever is wrong with a request, the answer has the error format with the right code."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer

JSON = {"Content-Type": "application/json"}
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def dialect() -> str:
    """On the database that refuses more; what is asked hardly reaches it."""
    return "postgresql"


BAD: Final = [
    ("GET", "/nowhere", None, 404, "NOT_FOUND"),
    ("GET", "/sessions/not-an-id", None, 404, "NOT_FOUND"),
    ("GET", f"/sessions/{NOBODY}", None, 404, "NOT_FOUND"),
    ("GET", f"/sessions/{{{NOBODY}}}", None, 404, "NOT_FOUND"),
    ("GET", f"/sessions/urn:uuid:{NOBODY}", None, 404, "NOT_FOUND"),
    ("GET", "/sessions/%00", None, 404, "NOT_FOUND"),
    ("GET", "/sessions/not-an-id/messages", None, 404, "NOT_FOUND"),
    ("POST", "/sessions/not-an-id/messages", b'{"content": "x"}', 404, "NOT_FOUND"),
    ("GET", "/sessions/not-an-id/files", None, 404, "NOT_FOUND"),
    ("GET", "/sessions/not-an-id/files/..%2Fx", None, 404, "NOT_FOUND"),
    ("GET", "/sessions/not-an-id/events", None, 404, "NOT_FOUND"),
    ("POST", "/sessions/not-an-id/approvals/x", b'{"decision": "deny"}', 404, "NOT_FOUND"),
    ("PUT", "/sessions", b"{}", 405, "METHOD_NOT_ALLOWED"),
    ("POST", "/health", b"{}", 405, "METHOD_NOT_ALLOWED"),
    ("POST", "/sessions", b"{broken", 400, "VALIDATION_ERROR"),
    ("POST", "/sessions", b"", 400, "VALIDATION_ERROR"),
    ("POST", "/sessions", b"[]", 400, "VALIDATION_ERROR"),
    ("POST", "/sessions", b"null", 400, "VALIDATION_ERROR"),
    ("POST", "/sessions", b'"\xff\xfe"', 400, "VALIDATION_ERROR"),
    ("POST", "/sessions", b"[" * 200_000, 400, "VALIDATION_ERROR"),
    ("POST", "/sessions", b'{"context": ' + b"[" * 99 + b"]" * 99 + b"}", 400,
     "VALIDATION_ERROR"),
    ("POST", "/sessions", b'{"projectPath": "/x", "context": "' + b"x" * 70_000 + b'"}', 400,
     "VALIDATION_ERROR"),
    ("POST", "/sessions", b'{"projectPath": "/x", "metadata": {"a": "' + b"x" * 70_000 + b'"}}',
     400, "VALIDATION_ERROR"),
    ("POST", "/sessions", b'{"projectPath": "/x", "context": NaN}', 400, "VALIDATION_ERROR"),
    ("POST", "/sessions", b'{"projectPath": "/x", "context": "\\ud800"}', 400,
     "VALIDATION_ERROR"),
    ("POST", "/sessions", b'{"projectPath": "/x", "prompt": "' + b"x" * 300_000 + b'"}', 413,
     "PAYLOAD_TOO_LARGE"),
    ("POST", "/sessions", b'{"prompt": "' + b"x" * 7_000_000 + b'"}', 413,
     "PAYLOAD_TOO_LARGE"),
    ("GET", "/sessions?limit=101", None, 400, "VALIDATION_ERROR"),
    ("GET", "/sessions?limit=-1", None, 400, "VALIDATION_ERROR"),
    ("GET", "/sessions?offset=99999999999999999999", None, 400, "VALIDATION_ERROR"),
    ("GET", "/sessions?status=gone", None, 400, "VALIDATION_ERROR"),
    ("GET", "/sessions?nonsense=1", None, 400, "VALIDATION_ERROR"),
    ("GET", "/approvals?state=nonsense", None, 400, "VALIDATION_ERROR"),
]  # fmt: skip


async def test_bad_requests(gateway: Gateway) -> None:
    for method, path, content, status, code in BAD:
        answer = await gateway.client.request(method, path, content=content, headers=JSON)
        case = f"{method} {path} {(content or b'')[:80]!r}: {answer.text[:500]}"
        assert (answer.status_code, answer.json()["code"]) == (status, code), case
        assert answer.json().keys() <= {"error", "code", "details"}, case
        assert answer.json()["error"], case
        assert gateway.backend.sessions == {}, case


async def test_a_body_that_is_no_json_is_refused(gateway: Gateway) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = await gateway.client.post(
            "/sessions",
            content=b'{"projectPath": "/x"}',
            headers={"Content-Type": kind},
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


async def test_a_large_body_without_a_length_is_refused(gateway: Gateway) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b" " * 65_536

    refused = await gateway.client.post("/sessions", content=chunks(97), headers=JSON)
    assert (refused.status_code, refused.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    session_id = await gateway.create()
    path = f"/sessions/{session_id}/files/a.txt"
    larger = await gateway.client.post(path, content=chunks(97), headers=JSON)
    assert larger.status_code == 400  # 6 MiB are not too large here, but no JSON
    refused = await gateway.client.post(path, content=chunks(497), headers=JSON)
    assert (refused.status_code, refused.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    "host", ["evil.example.com", "localhost.evil.com", "127.0.0.1.evil.com", "10.0.0.1:8080", "["]
)
async def test_a_name_that_is_not_ours_is_refused(gateway: Gateway, host: str) -> None:
    answer = await gateway.client.get("/sessions", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1:8080", "[::1]:8080"])
async def test_loopback_names_are_ours(gateway: Gateway, host: str) -> None:
    assert (await gateway.client.get("/sessions", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost"}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({}, 201),
    ],
)
async def test_pages_of_others_may_not_write(
    gateway: Gateway, headers: dict[str, str], status: int
) -> None:
    body = {"projectPath": REPOSITORY}
    answer = await gateway.client.post("/sessions", json=body, headers=headers)
    assert answer.status_code == status
    if status != 201:
        assert answer.json()["code"] == "FORBIDDEN"
    assert (await gateway.client.get("/sessions", headers=headers)).status_code == 200


async def test_pages_of_an_allowed_origin_may_write(home: Path, redis_server: RedisServer) -> None:
    origin = "https://app.example.com"
    settings = settings_for(home, redis_server.url, http={"allowed_origins": [origin]})
    async with running_gateway(settings) as gateway:
        asked = await gateway.client.options(
            "/sessions",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
        )
        assert asked.status_code == 200
        answer = await gateway.client.post(
            "/sessions", json={"projectPath": REPOSITORY}, headers={"Origin": origin}
        )
        assert answer.status_code == 201
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        other = await gateway.client.get("/sessions", headers={"Origin": "https://b.example.com"})
        assert "Access-Control-Allow-Origin" not in other.headers


async def test_every_answer_has_an_id_and_the_security_headers(gateway: Gateway) -> None:
    given = await gateway.client.get("/health/live", headers={"X-Request-ID": "mine-1"})
    assert given.headers["X-Request-ID"] == "mine-1"
    made = await gateway.client.get("/nowhere", headers={"X-Request-ID": "not mine\x7f" * 99})
    assert len(made.headers["X-Request-ID"]) == 32
    for answer in (given, made):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"


async def test_a_mistake_of_ours_names_the_request_and_nothing_else(
    gateway: Gateway,
) -> None:
    gateway.backend.fault = ZeroDivisionError("secret thing")
    answer = await gateway.client.get("/sessions", headers={"X-Request-ID": "mine-2"})
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert answer.json()["details"] == {"requestId": "mine-2"}
    assert "mine-2" in answer.json()["error"]
    logged = next(line for line in gateway.logs if line["event"] == "request failed")
    assert logged["exc_info"]
    for word in ("secret", "ZeroDivision", "Traceback"):
        assert word not in answer.text
