"""Repositories over HTTP: configured, registered, used, refused; branches from a git server."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from moorage_gateway.auth.principal import LOCAL, Principal
from moorage_gateway.repositories.branches import BranchesUnknown, list_branches
from moorage_gateway.settings import Settings
from moorage_testing.gateway import Gateway, running_gateway, settings_for
from moorage_testing.git import GitRepository, git, serving_git
from moorage_testing.redis import RedisServer

SHOP = "https://git.example.com/team/shop"
LISTED = [
    {"folderName": "shop", "url": SHOP, "defaultBranch": "stable", "users": ["ada"]},
    {"folderName": "docs", "url": "https://git.example.com/team/docs"},
]


def settings_with(home: Path, redis: RedisServer, url: str, **repositories: Any) -> Settings:
    given = {"listed": LISTED, "patterns": []} | repositories
    return settings_for(home, redis.url, database_url=url, repositories=given, sessions={})


@pytest.fixture
async def gateway(
    home: Path, redis_server: RedisServer, database_url: str
) -> AsyncIterator[Gateway]:
    async with running_gateway(settings_with(home, redis_server, database_url)) as running:
        yield running


class Sender:
    """Who sends every request from now on, in the place of an authenticator."""

    def __init__(self, principal: Principal) -> None:
        self.authenticator = self
        self._principal = principal

    async def authenticate(self, authorization: str | None) -> Principal:
        return self._principal


def become(gateway: Gateway, principal: Principal) -> None:
    """Have requests come from ``principal``."""
    logins: Any = Sender(principal)
    gateway.app.state.context = replace(gateway.context, logins=logins)


async def names(gateway: Gateway) -> list[str]:
    answer = await gateway.client.get("/repositories/")
    assert answer.status_code == httpx2.codes.OK
    body = answer.json()
    assert body.keys() == {"repositories", "total", "githubReposDirectory"}
    assert body["total"] == len(body["repositories"])
    return [one["folderName"] for one in body["repositories"]]


async def create(gateway: Gateway, **body: Any) -> tuple[int, Any]:
    answer = await gateway.client.post("/sessions", json=body)
    return answer.status_code, answer.json()


async def test_users_see_and_use_what_is_theirs(gateway: Gateway) -> None:
    assert await names(gateway) == ["docs", "shop"]
    become(gateway, Principal("ada", "user"))
    assert await names(gateway) == ["docs", "shop"]
    status, session = await create(gateway, folderName="shop")
    assert status == 201
    assert (session["projectPath"], session["repository"]["ref"]) == (SHOP, "stable")
    become(gateway, Principal("bob", "user"))
    assert await names(gateway) == ["docs"]
    for body, path in (
        ({"folderName": "shop"}, "folderName"),
        ({"projectPath": f"{SHOP}.git"}, "projectPath"),
        ({"repository": {"url": SHOP}}, "repository.url"),
        ({"projectPath": "https://elsewhere.example.com/x"}, "projectPath"),
    ):
        status, error = await create(gateway, **body)
        assert (status, error["code"]) == (400, "VALIDATION_ERROR")
        assert [mistake["path"] for mistake in error["details"]] == [path]


async def test_an_admin_registers_changes_and_removes(gateway: Gateway) -> None:
    body = {
        "url": "https://git.example.com/team/tools.git",
        "defaultBranch": "next",
        "credentialsSecret": "tools-token",
        "access": {"groups": ["tools"]},
    }
    answer = await gateway.client.post("/repositories", json=body)
    assert answer.status_code == httpx2.codes.CREATED
    made = answer.json()
    assert (made["folderName"], made["path"], made["isGitRepository"]) == (
        "tools",
        body["url"],
        True,
    )
    assert (made["credentialsSecret"], made["access"]["groups"]) == ("tools-token", ["tools"])
    assert (await gateway.client.post("/repositories", json=body)).status_code == 409
    place = f"/repositories/{made['id']}"

    become(gateway, Principal("ada", "user", groups=frozenset({"tools"})))
    seen = (await gateway.client.get(place)).json()
    assert (seen["access"], seen["credentialsSecret"]) == (None, None)
    status, session = await create(gateway, folderName="tools")
    assert (status, session["repository"]["credentialsSecretRef"]) == (201, {"name": "tools-token"})

    become(gateway, Principal("bob", "user"))
    assert (await gateway.client.get(place)).status_code == 404

    become(gateway, LOCAL)
    change = {"access": {"users": ["bob"]}, "credentialsSecret": None}
    changed = (await gateway.client.patch(place, json=change)).json()
    assert (changed["credentialsSecret"], changed["defaultBranch"]) == (None, "next")
    become(gateway, Principal("bob", "user"))
    assert (await create(gateway, folderName="tools"))[0] == 201
    become(gateway, LOCAL)
    assert (await gateway.client.delete(place)).json() == {"success": True}
    assert (await gateway.client.delete(place)).status_code == 404
    assert (await create(gateway, folderName="tools"))[0] == 400


async def test_only_admins_change_repositories(gateway: Gateway) -> None:
    listed = (await gateway.client.get("/repositories")).json()["repositories"][0]
    become(gateway, Principal("ada", "user"))
    body = {"url": "https://git.example.com/x/y"}
    answers = [
        await gateway.client.post("/repositories", json=body),
        await gateway.client.patch(f"/repositories/{listed['id']}", json={}),
        await gateway.client.delete(f"/repositories/{listed['id']}"),
    ]
    assert {answer.status_code for answer in answers} == {403}


async def test_what_the_settings_list_is_changed_there(gateway: Gateway) -> None:
    listed = (await gateway.client.get("/repositories")).json()["repositories"][0]
    assert listed["configured"]
    answers = [
        await gateway.client.patch(f"/repositories/{listed['id']}", json={}),
        await gateway.client.delete(f"/repositories/{listed['id']}"),
        await gateway.client.post("/repositories", json={"url": SHOP}),
    ]
    assert {answer.status_code for answer in answers} == {409}


@pytest.mark.parametrize(
    "url",
    ["--upload-pack=touch x", "ext::sh -c id", "file:///etc", "/etc", "https://a:b@example.com/x"],
)
async def test_an_address_that_is_none_is_not_registered(gateway: Gateway, url: str) -> None:
    answer = await gateway.client.post("/repositories", json={"url": url})
    assert answer.status_code == httpx2.codes.BAD_REQUEST
    assert answer.json()["details"][0]["path"] == "url"


async def test_patterns_let_a_group_in(
    home: Path, redis_server: RedisServer, sqlite_url: str
) -> None:
    patterns = [{"url": "https://git.example.com/open/*", "groups": ["team"]}]
    settings = settings_with(home, redis_server, sqlite_url, patterns=patterns)
    async with running_gateway(settings) as gateway:
        body = {"projectPath": "https://git.example.com/open/thing.git"}
        become(gateway, Principal("ada", "user", groups=frozenset({"team"})))
        assert (await create(gateway, **body))[0] == 201
        become(gateway, Principal("bob", "user"))
        assert (await create(gateway, **body))[0] == 400


async def test_branches_come_from_the_server(
    tmp_path: Path, home: Path, redis_server: RedisServer, sqlite_url: str
) -> None:
    repository = GitRepository.create(tmp_path / "served/project")
    git(repository.path, "branch", "feature/one")
    git(repository.path, "tag", "v1")
    with serving_git(tmp_path / "served") as server:
        listed = [{"folderName": "project", "url": f"{server.url}/project"}]
        settings = settings_with(home, redis_server, sqlite_url, listed=listed)
        async with running_gateway(settings) as gateway:
            (known,) = (await gateway.client.get("/repositories")).json()["repositories"]
            answer = await gateway.client.get(f"/repositories/{known['id']}/branches")
    assert answer.json() == {
        "branches": [
            {"name": "feature/one", "commit": repository.head, "isDefault": False},
            {"name": "main", "commit": repository.head, "isDefault": True},
        ],
        "total": 2,
        "truncated": False,
    }


async def test_a_server_that_asks_for_a_password_is_not_answered(
    tmp_path: Path, home: Path, redis_server: RedisServer, sqlite_url: str
) -> None:
    GitRepository.create(tmp_path / "served/project")
    with serving_git(tmp_path / "served", password="geheim") as server:
        listed = [{"folderName": "project", "url": f"{server.url}/project"}]
        settings = settings_with(home, redis_server, sqlite_url, listed=listed)
        async with running_gateway(settings) as gateway:
            (known,) = (await gateway.client.get("/repositories")).json()["repositories"]
            answer = await gateway.client.get(f"/repositories/{known['id']}/branches")
    assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
    assert server.url not in answer.text


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c 'touch {marker}'", "--upload-pack=touch {marker}", "file://{folder}", "{folder}"],
)
async def test_git_runs_nothing_and_reads_no_folder(tmp_path: Path, url: str) -> None:
    marker = tmp_path / "marker"
    folder = GitRepository.create(tmp_path / "project").path
    with pytest.raises(BranchesUnknown):
        await list_branches(url.format(marker=marker, folder=folder), seconds=20, local_paths=False)
    assert not marker.exists()
    found = await list_branches(str(folder), seconds=20, local_paths=True)
    assert [branch.name for branch in found.branches] == ["main"]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.set()
        if server.to:
            self.send_response(302)
            self.send_header("Location", server.to + self.path)
            self.end_headers()
        else:
            server.release.wait(60)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def odd_server() -> Iterator[Any]:
    """A server that never answers, or with ``to`` set sends everybody there."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked, server.release, server.to = threading.Event(), threading.Event(), ""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_redirect_is_not_followed(tmp_path: Path, odd_server: Any) -> None:
    GitRepository.create(tmp_path / "served/project")
    with serving_git(tmp_path / "served") as inner:
        odd_server.to = inner.url
        url = f"http://127.0.0.1:{odd_server.server_port}/project"
        with pytest.raises(BranchesUnknown):
            await list_branches(url, seconds=20, local_paths=False)
        assert odd_server.asked.is_set()
        assert inner.requests == []


async def test_a_server_that_never_answers_costs_a_bounded_time(odd_server: Any) -> None:
    url = f"http://127.0.0.1:{odd_server.server_port}/project"
    with pytest.raises(BranchesUnknown):
        await list_branches(url, seconds=1, local_paths=False)


async def test_a_question_that_is_cancelled_leaves_no_process(odd_server: Any) -> None:
    url = f"http://127.0.0.1:{odd_server.server_port}/project"
    asking = asyncio.create_task(list_branches(url, seconds=60, local_paths=False))
    assert await asyncio.to_thread(odd_server.asked.wait, 20)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not any(b"ls-remote" in command for command in await asyncio.to_thread(children))


def children() -> list[bytes]:
    """Return the command lines of this process's children; threads and they may end meanwhile."""
    pids: list[str] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            pids += (task / "children").read_text().split()
    found: list[bytes] = []
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes())
    return found
