"""The existing mobile client: each endpoint marked M, in both forms, with no redirect."""

import json
from typing import Any

import pytest

from moorage_api.rpc import DeleteFile, ListFiles, ReadFile, WriteFile
from moorage_testing.gateway import REPOSITORY
from moorage_testing.history import answered, asked, said, used
from moorage_testing.live import publish
from moorage_testing.shapes import camel_case, check
from moorage_testing.wire import Answer

from .conftest import Client
from .shapes import (
    CONTENT,
    CONVERSATION,
    CREATED,
    DELETED,
    DONE,
    ERROR,
    ERROR_WITH_DETAILS,
    FILES,
    HEALTH,
    LIVE,
    MESSAGE_SENT,
    READY,
    REPOSITORIES,
    SESSION,
    SESSIONS,
    UPDATED,
)

both_forms = pytest.mark.parametrize("slash", ["", "/"])
file_paths = pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("src%2Findex.js", "src/index.js"),
        ("src/index.js", "src/index.js"),
        ("src%2Findex.js/", "src/index.js"),
        ("src%2findex.js", "src/index.js"),
        ("a%20b%2Fc%C3%A9.js", "a b/cé.js"),
        ("%E6%96%87%2F100%25.md", "文/100%.md"),
        (".gitignore", ".gitignore"),
    ],
)


def of_shape(answer: Answer, status: int, shape: Any) -> Any:
    """Return an answer's value, once status and shape were found right."""
    assert answer.status == status, answer.body
    check(answer.json, shape)
    return answer.json


@both_forms
@pytest.mark.parametrize(
    ("path", "shape"), [("/health", HEALTH), ("/health/live", LIVE), ("/health/ready", READY)]
)
async def test_health(client: Client, path: str, shape: Any, slash: str) -> None:
    camel_case(of_shape(await client.ask("GET", path + slash), 200, shape))


@both_forms
async def test_create_a_session(client: Client, slash: str) -> None:
    body = {
        "projectPath": REPOSITORY,
        "context": "What the client notes",
        "metadata": {"repository": "app", "branch": "main", "allowedTools": ["Read", "Bash"]},
    }
    answer = await client.ask("POST", f"/sessions{slash}", json.dumps(body).encode())
    made = of_shape(answer, 201, SESSION)
    assert (made["projectPath"], made["context"]) == (REPOSITORY, body["context"])
    assert (made["metadata"], made["status"]) == (body["metadata"], "active")
    camel_case(made)


@both_forms
async def test_list_repositories(client: Client, slash: str) -> None:
    page = of_shape(await client.ask("GET", f"/repositories{slash}"), 200, REPOSITORIES)
    (sample,) = page["repositories"]
    assert (page["total"], sample["folderName"], sample["path"]) == (1, "sample", REPOSITORY)
    camel_case(page)


@both_forms
async def test_list_sessions(client: Client, slash: str) -> None:
    answer = await client.ask("GET", f"/sessions{slash}?status=active&limit=5&offset=0")
    page = of_shape(answer, 200, SESSIONS)
    assert (page["total"], page["limit"], page["offset"]) == (1, 5, 0)
    camel_case(page)


@both_forms
async def test_read_change_and_delete_a_session(client: Client, slash: str) -> None:
    path = f"/sessions/{client.session_id}{slash}"
    assert of_shape(await client.ask("GET", path), 200, SESSION)["id"] == client.session_id
    change = {"context": {"a": 1}, "status": "archived", "metadata": {"branch": "x"}}
    answer = await client.ask("PATCH", path, json.dumps(change).encode())
    changed = of_shape(answer, 200, SESSION)
    assert {name: changed[name] for name in change} == change
    of_shape(await client.ask("DELETE", path), 200, DONE)
    of_shape(await client.ask("GET", path), 404, ERROR)


@both_forms
async def test_send_and_read_messages(client: Client, slash: str) -> None:
    path = f"/sessions/{client.session_id}/messages{slash}"
    body = json.dumps({"content": "List the files", "allowedTools": ["Bash"]}).encode()
    sent = of_shape(await client.ask("POST", path, body), 201, MESSAGE_SENT)["message"]
    turn = sent["id"]
    await publish(
        client.served.redis,
        client.session_id,
        asked(turn, "List the files"),
        said(turn, 1, "I'll look", "tool-1"),
        answered(turn, "tool-1", "a.py"),
        used(turn),
    )
    while not (answer := await client.ask("GET", path)).json["session"]["lastJobStatus"]:
        assert answer.status == 200
    conversation = of_shape(answer, 200, CONVERSATION)
    (message,) = conversation["messages"]
    assert message["id"] == turn
    assert message["children"][0]["toolResults"] == [
        {"tool_use_id": "tool-1", "content": "a.py", "is_error": False}
    ]
    camel_case(conversation, "tool_use_id", "is_error")


@both_forms
async def test_list_files(client: Client, slash: str) -> None:
    query = "path=.&recursive=false&pattern=*.py"
    answer = await client.ask("GET", f"/sessions/{client.session_id}/files{slash}?{query}")
    camel_case(of_shape(answer, 200, FILES))
    (request,) = client.seen
    assert isinstance(request, ListFiles)
    assert (request.path, request.recursive, request.pattern) == (".", False, "*.py")


@file_paths
async def test_one_file(client: Client, written: str, meant: str) -> None:
    path = f"/sessions/{client.session_id}/files/{written}"
    body = json.dumps({"content": "text", "encoding": "utf-8"}).encode()
    for method, sent, status, shape in (
        ("POST", body, 201, CREATED),
        ("GET", None, 200, CONTENT),
        ("PUT", body, 200, UPDATED),
        ("DELETE", None, 200, DELETED),
    ):
        answer = await client.ask(method, path, sent)
        assert of_shape(answer, status, shape)["path"] == meant
        camel_case(answer.json)
    assert [type(request) for request in client.seen] == [
        WriteFile,
        ReadFile,
        WriteFile,
        DeleteFile,
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "shape"),
    [
        ("GET", "/sessions/none/", None, 404, "NOT_FOUND", ERROR),
        ("GET", "/sessions/?limit=1000", None, 400, "VALIDATION_ERROR", ERROR_WITH_DETAILS),
        ("POST", "/sessions/", b"{}", 400, "VALIDATION_ERROR", ERROR_WITH_DETAILS),
        ("POST", "/sessions/", b"{broken", 400, "VALIDATION_ERROR", ERROR_WITH_DETAILS),
        ("GET", "/sessions/ID/files/..%2Fx.py", None, 400, "VALIDATION_ERROR", ERROR_WITH_DETAILS),
        ("GET", "/sessions/ID/files/a.exe", None, 415, "UNSUPPORTED_TYPE", ERROR),
        ("PUT", "/sessions/ID/files/.git%2Fa.py", b'{"content": ""}', 403, "FORBIDDEN", ERROR),
        ("PUT", "/sessions/", b"{}", 405, "METHOD_NOT_ALLOWED", ERROR),
        ("GET", "/nowhere/", None, 404, "NOT_FOUND", ERROR),
    ],
)
async def test_errors(
    client: Client, method: str, path: str, body: bytes | None, status: int, code: str, shape: Any
) -> None:
    answer = await client.ask(method, path.replace("ID", client.session_id), body)
    assert of_shape(answer, status, shape)["code"] == code
