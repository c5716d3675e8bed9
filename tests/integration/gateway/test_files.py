"""Files over HTTP, with a runner that answers as each test says."""

import base64
import time
from pathlib import Path
from typing import Any

import pytest

from moorage_api.file_names import FileKinds
from moorage_api.resources import Phase
from moorage_api.rpc import (
    MAX_FILE_BYTES,
    Failure,
    FailureCode,
    FileContent,
    ListFiles,
    ReadFile,
    Reply,
    Request,
)
from moorage_testing.answering import MOMENT, answering, well
from moorage_testing.gateway import Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer


@pytest.fixture
def dialect() -> str:
    """On one database only: files are not in any."""
    return "sqlite"


@pytest.fixture
async def session_id(gateway: Gateway) -> str:
    session_id = await gateway.create()
    await gateway.live(session_id)
    return session_id


async def test_every_operation_has_the_clients_shape(gateway: Gateway, session_id: str) -> None:
    base = f"/sessions/{session_id}"
    async with answering(gateway.redis, session_id, well) as seen:
        for path in ("/files", "/files/"):
            listed = await gateway.client.get(
                base + path, params={"path": "src", "recursive": "true", "pattern": "*.py"}
            )
            assert listed.json() == {
                "files": [
                    {
                        "path": "src/a.py",
                        "name": "a.py",
                        "type": "file",
                        "size": 3,
                        "modifiedAt": "2026-01-31T12:00:00.000Z",
                    }
                ],
                "basePath": "src",
                "nextAfter": "src/a.py",
            }
        for path in ("/files/src%2Findex.js", "/files/src/index.js", "/files/src/index.js/"):
            read = await gateway.client.get(base + path)
            assert read.json() == {
                "path": "src/index.js",
                "content": "text",
                "encoding": "utf-8",
                "size": 4,
                "mimeType": "text/javascript",
                "modifiedAt": "2026-01-31T12:00:00.000Z",
            }
        made = await gateway.client.post(f"{base}/files/a%20b.txt", json={"content": "four"})
        assert made.status_code == 201
        assert made.json() == {"path": "a b.txt", "size": 4, "created": True}
        written = await gateway.client.put(
            f"{base}/files/b.png", json={"content": "AAAA", "encoding": "base64"}
        )
        assert written.json() == {"path": "b.png", "size": 4, "updated": True}
        deleted = await gateway.client.delete(f"{base}/files/Dockerfile")
        assert deleted.json() == {"success": True, "path": "Dockerfile"}
        diff = await gateway.client.get(f"{base}/diff")
        assert diff.json() == {"diff": "+a", "truncated": False, "base": "abc"}
    listing = seen[0]
    assert isinstance(listing, ListFiles)
    assert (listing.recursive, listing.pattern) == (True, "*.py")
    assert all(each.deadline_ms > time.time() * 1000 - 60_000 for each in seen)
    assert len({each.number for each in seen}) == len(seen)


async def test_the_largest_file_goes_both_ways(gateway: Gateway, session_id: str) -> None:
    content = base64.b64encode(bytes(MAX_FILE_BYTES)).decode()

    def large(request: Request) -> Reply:
        if isinstance(request, ReadFile):
            return FileContent(
                path=request.path, content=content, encoding="base64", size=MAX_FILE_BYTES,
                mime_type="image/png", modified_at=MOMENT,
            )  # fmt: skip
        return well(request)

    path = f"/sessions/{session_id}/files/a.png"
    async with answering(gateway.redis, session_id, large):
        body = {"content": content, "encoding": "base64"}
        made = await gateway.client.post(path, json=body)
        assert made.status_code == 201, made.text[:200]
        assert (await gateway.client.get(path)).json()["content"] == content
        body = {"content": content[:-4] + "AAAA" * 4, "encoding": "base64"}
        refused = await gateway.client.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("..%2Fetc%2Fpasswd", 400, "VALIDATION_ERROR"),
        ("a%2F..%2F..%2Fb.txt", 400, "VALIDATION_ERROR"),
        ("%2Fetc%2Fpasswd.txt", 400, "VALIDATION_ERROR"),
        ("a%00.txt", 400, "VALIDATION_ERROR"),
        ("x" * 1001 + ".txt", 400, "VALIDATION_ERROR"),
        (".%2F.", 400, "VALIDATION_ERROR"),
        ("program.exe", 415, "UNSUPPORTED_TYPE"),
        ("unnamed", 415, "UNSUPPORTED_TYPE"),
        (".hidden", 415, "UNSUPPORTED_TYPE"),
    ],
)
async def test_a_path_that_cannot_be_is_refused_before_the_runner(
    gateway: Gateway, session_id: str, path: str, status: int, code: str
) -> None:
    async with answering(gateway.redis, session_id, well) as seen:
        for method, body in (("GET", None), ("POST", {"content": ""}), ("DELETE", None)):
            answer = await gateway.client.request(
                method, f"/sessions/{session_id}/files/{path}", json=body
            )
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert seen == []


@pytest.mark.parametrize("query", ["path=..", "path=/etc", "path=a%2F..%2F.."])
async def test_a_listing_stays_inside(gateway: Gateway, session_id: str, query: str) -> None:
    answer = await gateway.client.get(f"/sessions/{session_id}/files?{query}")
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, "path")


async def test_git_is_read_only(gateway: Gateway, session_id: str) -> None:
    async with answering(gateway.redis, session_id, well):
        for path in (".git/hooks/a.sh", "sub/.GIT/config.ini", "git~1/config.ini", ".git%20./a.sh"):
            url = f"/sessions/{session_id}/files/{path}"
            refused = await gateway.client.put(url, json={"content": "x"})
            assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
            assert (await gateway.client.get(url)).status_code == 200


async def test_the_runner_is_told_which_files_where_they_are_not_the_usual_ones(
    redis_server: RedisServer, tmp_path: Path, sqlite_url: str
) -> None:
    files = {"extensions": "exe", "names": ""}
    settings = settings_for(tmp_path, redis_server.url, database_url=sqlite_url, files=files)
    async with running_gateway(settings) as gateway:
        session_id = await gateway.create()
        await gateway.live(session_id)
        async with answering(gateway.redis, session_id, well) as seen:
            for path, status in (("a.exe", 200), ("a.py", 415)):
                answer = await gateway.client.get(f"/sessions/{session_id}/files/{path}")
                assert answer.status_code == status
    (asked,) = seen
    assert isinstance(asked, ReadFile)
    assert asked.kinds == FileKinds(extensions=frozenset({"exe"}), names=frozenset())


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("NOT_FOUND", 404, "NOT_FOUND"),
        ("FORBIDDEN", 403, "FORBIDDEN"),
        ("UNSUPPORTED", 415, "UNSUPPORTED_TYPE"),
        ("CONFLICT", 409, "CONFLICT"),
        ("TOO_LARGE", 413, "PAYLOAD_TOO_LARGE"),
        ("INVALID", 400, "VALIDATION_ERROR"),
        ("NO_SPACE", 409, "CONFLICT"),
        ("NOT_READY", 409, "SESSION_NOT_READY"),
        ("FAILED", 503, "BACKEND_UNAVAILABLE"),
    ],
)
async def test_every_failure_of_the_runner_is_told(
    gateway: Gateway, session_id: str, code: FailureCode, status: int, told: str
) -> None:
    def fail(_: Request) -> Reply:
        return Failure(code=code, message="m" * 10_000)

    async with answering(gateway.redis, session_id, fail):
        answer = await gateway.client.get(f"/sessions/{session_id}/files/a.txt")
    assert (answer.status_code, answer.json()["code"]) == (status, told)
    assert len(answer.text) < 2000


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"{broken",
        b'{"kind": "listing"}',
        b'{"kind": "written", "path": "a.txt"}',
        b"[" * 100_000,
        b'"' + b"x" * (4 * MAX_FILE_BYTES) + b'"',
    ],
    ids=["empty", "broken", "partial", "another", "deep", "large"],
)
async def test_a_reply_that_is_nonsense_is_told_as_such(
    gateway: Gateway, session_id: str, reply: bytes
) -> None:
    async with answering(gateway.redis, session_id, lambda _: reply):
        answer = await gateway.client.get(f"/sessions/{session_id}/files/a.txt")
    assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")


async def test_without_a_runner_the_answer_comes_at_once(gateway: Gateway, session_id: str) -> None:
    async def asked(path: str = "files") -> tuple[int, str]:
        answer = await gateway.client.get(f"/sessions/{session_id}/{path}")
        return answer.status_code, answer.json()["code"]

    started = time.monotonic()
    await gateway.live(session_id, age=60)
    assert await asked() == (409, "SESSION_NOT_READY")
    await gateway.live(session_id)
    for phase in (Phase.PENDING, Phase.SUSPENDED, Phase.FAILED):
        gateway.backend.stand(session_id, phase=phase)
        assert await asked("diff") == (409, "SESSION_NOT_READY")
    gateway.backend.stand(session_id, phase=Phase.READY)
    await gateway.client.post(f"/sessions/{session_id}/suspend")
    assert await asked() == (409, "SESSION_NOT_READY")
    assert time.monotonic() - started < gateway.context.settings.files.timeout_seconds


async def test_a_runner_that_does_not_answer_costs_a_bounded_time(
    gateway: Gateway, session_id: str
) -> None:
    answer = await gateway.client.get(f"/sessions/{session_id}/files")
    assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")


async def test_without_redis_there_are_no_files(
    gateway: Gateway, session_id: str, redis_server: RedisServer
) -> None:
    redis_server.stop()
    answer = await gateway.client.get(f"/sessions/{session_id}/files")
    assert (answer.status_code, answer.json()["details"]) == (503, {"service": "redis"})


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 10**12}, "limit"),
        ({"recursive": "perhaps"}, "recursive"),
        ({"pattern": "x" * 300}, "pattern"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
async def test_bad_queries_are_refused(
    gateway: Gateway, session_id: str, query: dict[str, Any], path: str
) -> None:
    answer = await gateway.client.get(f"/sessions/{session_id}/files", params=query)
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, path)
