"""Real git, through the proxy, to a real git server that wants credentials no session has."""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from moorage_api.pushes import FIELD, PUSHES, REFUSED_PUSHES, PushNote
from moorage_api.reasons import Reason
from moorage_gateway.credential_proxy.app import Outside
from moorage_runner.clone.failures import Attempt, explain, recognise
from moorage_testing.git import git
from moorage_testing.git_backend import Client, GitBackend, basic, git_backend
from moorage_testing.ports import free_port
from moorage_testing.proxying import Proxying, admit, proxy_settings, proxying
from moorage_testing.redis import RedisServer

SECRET = {"username": "robot", "password": "s3cret"}


class MemorySecrets:
    """Secrets of one namespace."""

    def __init__(self) -> None:
        self.values: dict[str, Mapping[str, str]] = {"git": SECRET}

    async def read(self, namespace: str, name: str) -> Mapping[str, str]:
        return self.values.get(name, {}) if namespace == "sessions" else {}


@dataclass
class Stage:
    """A git server with repositories `own` and `other`, a proxy, and a session of `own`."""

    folder: Path
    backend: GitBackend
    proxy: Proxying
    redis: Redis
    secrets: MemorySecrets

    @property
    def url(self) -> str:
        return f"{self.backend.url}/own.git"

    async def client(self, *repositories: Mapping[str, Any]) -> Client:
        """Admit a session with these repositories; give git as it runs in its pod."""
        _, token = await admit(self.redis, repositories=list(repositories))
        return Client(self.folder, self.proxy.url, token)

    async def cloned(self) -> tuple[Client, Path]:
        """Give a session's git, and its clone of `own` with a commit on claude/fix."""
        client = await self.client({"url": self.url, "secret": "git"})
        code, said = await client("clone", "--quiet", self.url, "clone")
        assert (code, said) == (0, "")
        clone = self.folder / "clone"
        for words in (
            ("checkout", "--quiet", "-b", "claude/fix"),
            ("commit", "--quiet", "--allow-empty", "--message", "fix"),
        ):
            assert await client(*words, cwd=clone) == (0, "")
        return client, clone

    def branches(self) -> dict[str, str]:
        """Give the server's branches."""
        words = ("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        lines = git(self.backend.root / "own.git", *words).splitlines()
        return dict(line.split(" ") for line in lines)


@pytest.fixture
def git_settings() -> dict[str, Any]:
    """Return further settings of git; a test's parameters override it."""
    return {}


@pytest.fixture
async def stage(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, git_settings: dict[str, Any]
) -> AsyncIterator[Stage]:
    (tmp_path / "served").mkdir()
    (tmp_path / "pod").mkdir()
    secrets = MemorySecrets()
    settings = proxy_settings(
        tmp_path,
        redis_server.url,
        ["http://127.0.0.1:1"],
        git={"http_hosts": ["127.0.0.1"], "max_push_bytes": 2_000_000, **git_settings},
        egress={"allowed_networks": ["127.0.0.1/32"]},
    )
    async with (
        git_backend(tmp_path / "served", basic("robot", "s3cret")) as backend,
        proxying(settings, Outside(secrets)) as proxy,
    ):
        backend.make("own")
        backend.make("other")
        yield Stage(tmp_path / "pod", backend, proxy, redis, secrets)


async def test_a_session_clones_fetches_and_pushes_without_credentials(stage: Stage) -> None:
    client, clone = await stage.cloned()
    code, said = await client("push", "--quiet", "origin", "claude/fix", cwd=clone)
    assert code == 0, said
    assert stage.branches()["claude/fix"] == git(clone, "rev-parse", "HEAD")
    assert await client("fetch", "--quiet", cwd=clone) == (0, "")
    # What is seen and kept is the real address, and nothing of the token or the credentials.
    assert git(clone, "remote", "get-url", "origin") == stage.url
    kept = (clone / ".git" / "config").read_text()
    assert client.token not in kept
    assert "s3cret" not in kept
    assert {seen[2] for seen in stage.backend.seen} == {basic("robot", "s3cret")}


async def test_what_is_large_is_streamed_both_ways(stage: Stage) -> None:
    client, clone = await stage.cloned()
    (clone / "large").write_bytes(b"".join(bytes([n % 251]) * (n % 97) for n in range(20_000)))
    (clone / "noise").write_bytes(os.urandom(1_500_000))
    assert (await client("add", ".", cwd=clone))[0] == 0
    assert (await client("commit", "--quiet", "--message", "large", cwd=clone))[0] == 0
    code, said = await client("push", "--quiet", "origin", "claude/fix", cwd=clone)
    assert code == 0, said
    code, said = await client("clone", "--quiet", "--branch", "claude/fix", stage.url, "again")
    assert code == 0, said
    assert (stage.folder / "again" / "noise").read_bytes() == (clone / "noise").read_bytes()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("HEAD:main",), "only branches whose names begin with claude/ may be pushed"),
        (("--force", "HEAD:main"), "only branches whose names begin with claude/ may be pushed"),
        (("HEAD:refs/tags/v1",), "only branches whose names begin with claude/ may be pushed"),
        (("HEAD:refs/for/main",), "only branches whose names begin with claude/ may be pushed"),
        (("HEAD:claude",), "only branches whose names begin with claude/ may be pushed"),
        (("--delete", "main"), "nothing may be deleted"),
        (("--delete", "claude/kept"), "nothing may be deleted"),
        (("HEAD:claude/new", "HEAD:main"), "another ref of the push is refused"),
        (("--mirror",), "refused"),
    ],
)
async def test_only_the_session_s_branches_may_be_pushed(
    stage: Stage, words: tuple[str, ...], reason: str
) -> None:
    client, clone = await stage.cloned()
    assert (await client("push", "--quiet", "origin", "HEAD:claude/kept", cwd=clone))[0] == 0
    before = stage.branches()
    asked = len(stage.backend.seen)
    code, said = await client("push", "origin", *words, cwd=clone)
    assert code != 0
    assert reason in said
    assert "remote rejected" in said
    assert stage.branches() == before
    posts = [seen for seen in stage.backend.seen[asked:] if seen[0] == "POST"]
    assert posts == []  # the server never hears of it


async def test_every_push_is_noted_for_the_audit(stage: Stage) -> None:
    client, clone = await stage.cloned()
    assert (await client("push", "--quiet", "origin", "claude/fix", cwd=clone))[0] == 0
    assert (await client("push", "origin", "HEAD:main", cwd=clone))[0] != 0
    commit = git(clone, "rev-parse", "HEAD")
    for stream, ref in ((PUSHES, "refs/heads/claude/fix"), (REFUSED_PUSHES, "refs/heads/main")):
        entries: Any = await stage.redis.xrange(stream)
        ((_, fields),) = entries
        note = PushNote.model_validate_json(fields[FIELD.encode()])
        assert (note.refs, note.total) == ({ref: commit}, 1)
        assert note.repository == stage.url.removeprefix("http://").removesuffix(".git")
        assert note.namespace == "sessions"
        assert "s3cret" not in str(fields)


async def test_within_the_prefix_a_branch_may_be_forced(stage: Stage) -> None:
    client, clone = await stage.cloned()
    assert (await client("push", "--quiet", "origin", "claude/fix", cwd=clone))[0] == 0
    amend = ("commit", "--quiet", "--amend", "--allow-empty", "--message", "again")
    assert (await client(*amend, cwd=clone))[0] == 0
    code, said = await client("push", "origin", "claude/fix", cwd=clone)
    assert code != 0
    assert "non-fast-forward" in said
    code, said = await client("push", "--quiet", "--force", "origin", "claude/fix", cwd=clone)
    assert (code, said) == (0, "")


async def test_a_push_that_is_too_large_is_told_and_nothing_of_it_stays(stage: Stage) -> None:
    client, clone = await stage.cloned()
    (clone / "huge").write_bytes(os.urandom(4_000_000))
    assert (await client("add", ".", cwd=clone))[0] == 0
    assert (await client("commit", "--quiet", "--message", "huge", cwd=clone))[0] == 0
    code, said = await client("push", "origin", "claude/fix", cwd=clone)
    assert code != 0
    assert "larger than 2000000 bytes" in said
    assert set(stage.branches()) == {"main"}


async def test_push_options_do_not_pass(stage: Stage) -> None:
    """Some servers merge by them."""
    git(stage.backend.root / "own.git", "config", "receive.advertisePushOptions", "true")
    client, clone = await stage.cloned()
    words = ("push", "-o", "merge_request.merge_when_pipeline_succeeds", "origin", "claude/fix")
    code, said = await client(*words, cwd=clone)
    assert code != 0
    assert "push options are not passed on" in said
    assert set(stage.branches()) == {"main"}


async def test_no_other_repository_is_reached(stage: Stage) -> None:
    client = await stage.client({"url": stage.url, "secret": "git"})
    for url in (
        f"{stage.backend.url}/other.git",
        f"{stage.backend.url}/own.git/../other.git",
        f"{stage.backend.url}/own.git/%2e%2e/other.git",
        "http://127.0.0.1:1/own.git",
        "http://169.254.169.254/own.git",
    ):
        code, said = await client("ls-remote", url)
        assert code != 0
        assert "not one of the session's" in said or "not served here" in said
    assert stage.backend.seen == []


async def test_submodules_of_the_same_server_are_read_without_credentials(stage: Stage) -> None:
    client = await stage.client({"url": stage.url, "secret": "git", "submodules": True})
    other = f"{stage.backend.url}/other.git"
    code, said = await client("ls-remote", other)
    assert code != 0  # this server tells nobody anything without
    assert "name a Secret in credentialsSecretRef" in said
    stage.backend.authorization = None
    assert (await client("ls-remote", other))[0] == 0
    assert {seen[2] for seen in stage.backend.seen} == {None}
    code, said = await client("clone", "--quiet", other, "other")
    assert code == 0, said
    code, said = await client("push", "origin", "HEAD:claude/x", cwd=stage.folder / "other")
    assert code != 0
    assert "may be read only" in said


@pytest.mark.parametrize(
    ("secret", "sent"),
    [
        ({"token": "t0ken\n"}, basic("x-access-token", "t0ken")),
        ({"username": "oauth2", "token": "t0ken"}, basic("oauth2", "t0ken")),
        ({"username": "a", "password": "b"}, basic("a", "b")),
    ],
)
async def test_each_kind_of_credentials_is_sent_as_it_should_be(
    stage: Stage, secret: Mapping[str, str], sent: str
) -> None:
    stage.secrets.values["git"] = secret
    stage.backend.authorization = sent
    client = await stage.client({"url": stage.url, "secret": "git"})
    code, said = await client("ls-remote", stage.url)
    assert code == 0, said


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ({}, "There is no Secret git"),
        ({"key": "x"}, "needs a token, a username with a password"),
        ({"token": "wrong"}, "refused the repository's credentials"),
        ({"githubAppId": "1"}, "GitHub gave no token"),
    ],
)
async def test_credentials_that_are_none_are_told(
    stage: Stage, secret: Mapping[str, str], words: str
) -> None:
    stage.secrets.values["git"] = secret
    client = await stage.client({"url": stage.url, "secret": "git"})
    code, said = await client("ls-remote", stage.url)
    assert code != 0
    assert words in said
    assert "The requested URL returned error: 403" in said


async def test_without_a_session_there_is_no_git(stage: Stage) -> None:
    stranger = Client(stage.folder, stage.proxy.url, "mo_session_x.y")
    code, said = await stranger("ls-remote", stage.url)
    assert code != 0
    assert "401" in said or "could not read Username" in said
    assert stage.backend.seen == []


async def test_folders_hold_credentials_for_all_below_an_address(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, stage: Stage
) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    for name, value in SECRET.items():
        (folder / name).write_text(value)
    settings = proxy_settings(
        tmp_path,
        redis_server.url,
        ["http://127.0.0.1:1"],
        git={
            "http_hosts": ["127.0.0.1"],
            "credentials": [{"url": stage.backend.url + "/", "folder": str(folder)}],
        },
        egress={"allowed_networks": ["127.0.0.1/32"]},
    )
    _, token = await admit(redis, repositories=[{"url": stage.url}])
    async with proxying(settings) as proxy:
        code, said = await Client(stage.folder, proxy.url, token)("ls-remote", stage.url)
        assert code == 0, said
        (folder / "password").write_text("changed")
        code, said = await Client(stage.folder, proxy.url, token)("ls-remote", stage.url)
        assert "refused the repository's credentials" in said


async def test_private_addresses_are_out_of_reach(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, stage: Stage
) -> None:
    settings = proxy_settings(
        tmp_path, redis_server.url, ["http://127.0.0.1:1"], git={"http_hosts": ["127.0.0.1"]}
    )
    _, token = await admit(redis, repositories=[{"url": stage.url}])
    async with proxying(settings) as proxy:
        code, said = await Client(stage.folder, proxy.url, token)("ls-remote", stage.url)
    assert code != 0
    assert "cannot be reached from here" in said
    assert "returned error: 403" in said
    assert stage.backend.seen == []


async def test_a_server_that_is_away_is_no_refusal(stage: Stage) -> None:
    """A runner gives up where it is refused, and tries again where nobody answers."""
    url = f"http://127.0.0.1:{free_port()}/own.git"
    client = await stage.client({"url": url})
    code, said = await client("ls-remote", url)
    assert code != 0
    assert "does not answer" in said
    assert recognise(said) is Reason.CLONE_FAILED
    assert explain(Reason.CLONE_FAILED, Attempt(url, None, 1), said).passing


async def test_only_https_is_served_unless_a_host_is_named(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, stage: Stage
) -> None:
    settings = proxy_settings(
        tmp_path,
        redis_server.url,
        ["http://127.0.0.1:1"],
        egress={"allowed_networks": ["127.0.0.1/32"]},
    )
    _, token = await admit(redis, repositories=[{"url": stage.url}])
    async with proxying(settings) as proxy:
        code, said = await Client(stage.folder, proxy.url, token)("ls-remote", stage.url)
    assert code != 0
    assert "Only https is served" in said


@pytest.mark.parametrize("git_settings", [{"push_prefix": "claude/{id}/"}])
async def test_sessions_of_one_repository_are_kept_apart(stage: Stage) -> None:
    client, clone = await stage.cloned()
    own = client.token.removeprefix("mo_session_").partition(".")[0]
    code, said = await client("push", "--quiet", "origin", f"HEAD:claude/{own}/fix", cwd=clone)
    assert code == 0, said
    assert f"claude/{own}/fix" in stage.branches()
    for other in ("claude/fix", f"claude/{own}", f"claude/{own}x/fix", "claude/{id}/fix"):
        code, said = await client("push", "--quiet", "origin", f"HEAD:{other}", cwd=clone)
        assert code != 0
        assert f"begin with claude/{own}/ may be pushed" in said
    another = await stage.client({"url": stage.url, "secret": "git"})
    amend = ("commit", "--quiet", "--allow-empty", "--amend", "--message", "another")
    assert await another(*amend, cwd=clone) == (0, "")
    words = ("push", "--quiet", "--force", "origin", f"HEAD:claude/{own}/fix")
    code, said = await another(*words, cwd=clone)
    assert code != 0
    assert "may be pushed" in said
