"""Repositories that cannot be cloned, and those that would rather do something else."""

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from moorage_api.reasons import Reason
from moorage_runner.clone import CloneError, Prepared
from moorage_runner.workspace import Workspace
from moorage_testing.git import GitRepository, git, serving_git

Prepare = Callable[..., Coroutine[Any, Any, Prepared]]


async def reason_of(attempt: Coroutine[Any, Any, Prepared]) -> Reason:
    with pytest.raises(CloneError) as caught:
        await attempt
    assert caught.value.message.endswith(".")
    return caught.value.reason


async def test_clones_over_http(origin: GitRepository, tmp_path: Path, clone: Prepare) -> None:
    with serving_git(tmp_path) as server:
        assert (await clone(f"{server.url}/origin/.git", depth=1)).start_commit == origin.head


async def test_a_repository_that_is_not_there(tmp_path: Path, clone: Prepare) -> None:
    with serving_git(tmp_path) as server:
        reason = await reason_of(clone(f"{server.url}/missing.git"))
    assert reason is Reason.REPOSITORY_NOT_FOUND


async def test_a_repository_that_wants_a_password(
    origin: GitRepository, tmp_path: Path, clone: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    helper = tmp_path / "helper.sh"
    helper.write_text(f"#!/bin/sh\ntouch {asked}\necho secret\n")
    helper.chmod(0o755)
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(helper))
    with serving_git(tmp_path, password="right") as server:
        assert await reason_of(clone(f"{server.url}/origin/.git")) is Reason.REPOSITORY_REFUSED
    assert not asked.exists()


async def test_nobody_listens(clone: Prepare) -> None:
    assert await reason_of(clone("http://127.0.0.1:1/x")) is Reason.CLONE_FAILED


async def test_a_local_path_that_is_no_repository(tmp_path: Path, clone: Prepare) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "file").write_text("x")
    for name in ("plain", "missing", "file"):
        assert await reason_of(clone(tmp_path / name)) is Reason.REPOSITORY_NOT_FOUND


async def test_a_bare_repository(origin: GitRepository, tmp_path: Path, clone: Prepare) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(origin.path), "bare with space.git")
    assert (await clone(tmp_path / "bare with space.git")).start_commit == origin.head


async def test_a_repository_of_another_user(origin: GitRepository, clone: Prepare) -> None:
    if os.getuid() == 0:  # only root can give files away; for others it is their own, as well
        for path in [origin.path, *origin.path.rglob("*")]:
            os.lchown(path, 12345, 12345)
    assert (await clone(origin.path, depth=1)).start_commit


async def test_the_users_own_configuration_is_not_read(
    origin: GitRepository, tmp_path: Path, clone: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text('[url "/nowhere"]\n\tinsteadOf = /\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert (await clone(origin.path)).start_commit == origin.head


async def test_no_hook_and_no_filter_runs(
    origin: GitRepository,
    tmp_path: Path,
    workspace: Workspace,
    clone: Prepare,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran = tmp_path / "ran"
    templates = tmp_path / "templates/hooks"
    templates.mkdir(parents=True)
    (templates / "post-checkout").write_text(f"#!/bin/sh\ntouch {ran}\n")
    (templates / "post-checkout").chmod(0o755)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(templates.parent))
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    origin.commit({".gitattributes": "*.bin filter=lfs diff=lfs\n", "x.bin": pointer})
    await clone(origin.path)
    assert (workspace.repo / "x.bin").read_text() == pointer
    assert not ran.exists()


async def test_submodules_of_a_local_repository(
    origin: GitRepository, tmp_path: Path, workspace: Workspace, clone: Prepare
) -> None:
    GitRepository.create(tmp_path / "library", {"lib.txt": "lib\n"})
    git(origin.path, "submodule", "--quiet", "add", "../library", "lib")
    head = origin.commit({})
    assert (await clone(origin.path, submodules=True)).start_commit == head
    assert (workspace.repo / "lib/lib.txt").read_text() == "lib\n"
    assert not git(workspace.repo, "submodule", "status").startswith(("-", "+"))


async def test_submodules_of_a_pinned_commit(
    origin: GitRepository, tmp_path: Path, workspace: Workspace, clone: Prepare
) -> None:
    GitRepository.create(tmp_path / "library", {"lib.txt": "lib\n"})
    git(origin.path, "submodule", "--quiet", "add", "../library", "lib")
    head = origin.commit({})
    await clone(origin.path, submodules=True, ref=head)
    assert (workspace.repo / "lib/lib.txt").exists()


@pytest.mark.parametrize("address", ["ext::touch {ran}", "file://{library}", "{library}"])
async def test_a_remote_repository_cannot_reach_here_through_submodules(
    origin: GitRepository, tmp_path: Path, clone: Prepare, address: str
) -> None:
    library = GitRepository.create(tmp_path / "library")
    git(origin.path, "submodule", "--quiet", "add", "../library", "lib")
    ran = tmp_path / "ran"
    url = address.format(ran=ran, library=library.path)
    git(origin.path, "config", "--file", ".gitmodules", "submodule.lib.url", url)
    origin.commit({})
    with serving_git(tmp_path) as server:
        reason = await reason_of(clone(f"{server.url}/origin/.git", submodules=True))
    assert reason is Reason.REPOSITORY_REFUSED
    assert not ran.exists()


@pytest.mark.parametrize("own", [True, False])
async def test_an_author_is_set_only_if_there_is_none(
    origin: GitRepository, workspace: Workspace, clone: Prepare, own: bool
) -> None:
    workspace.create()
    if own:
        (workspace.home / ".gitconfig").write_text("[user]\n\temail = me@example.com\n")
    await clone(origin.path)
    config = (workspace.repo / ".git/config").read_text()
    assert ("claude@noreply.example.com" in config) is not own
