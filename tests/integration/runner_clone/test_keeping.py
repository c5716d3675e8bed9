"""A workspace that is found again: after a resume, a restart, a kill."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from moorage_api.reasons import Reason
from moorage_api.resources import SessionSpec
from moorage_runner.clone import CloneError, Prepared, Progress, prepare
from moorage_runner.clone.marker import Place
from moorage_runner.workspace import Workspace
from moorage_testing.git import GitRepository, git

Prepare = Callable[..., Coroutine[Any, Any, Prepared]]


async def test_a_finished_clone_is_left_as_it_is(
    origin: GitRepository, workspace: Workspace, clone: Prepare
) -> None:
    first = await clone(origin.path)
    assert not first.found
    (workspace.repo / "a.txt").write_text("changed\n")
    (workspace.repo / "new.txt").write_text("untracked\n")
    GitRepository(workspace.repo).commit({"b.txt": "committed\n"})
    (workspace.repo / "later.txt").write_text("untracked\n")
    origin.commit({"a.txt": "moved on\n"})

    again = await clone(origin.path)

    assert again == Prepared(first.start_commit, found=True)
    assert (workspace.repo / "a.txt").read_text() == "changed\n"
    assert git(workspace.repo, "status", "--porcelain") == "?? later.txt"


async def test_it_is_found_even_if_the_source_is_gone(
    origin: GitRepository, clone: Prepare
) -> None:
    first = await clone(origin.path)
    origin.path.rename(origin.path.with_name("elsewhere"))
    assert (await clone(origin.path)).start_commit == first.start_commit


async def test_what_a_killed_run_left_is_made_anew(
    origin: GitRepository, workspace: Workspace, clone: Prepare
) -> None:
    place = Place.of(workspace, "repo")
    workspace.create()
    (place.partial / ".git").mkdir(parents=True)
    (place.partial / "half.txt").write_text("half")
    place.record.write_text(json.dumps({"start_commit": "f" * 40}))
    assert (await clone(origin.path)).start_commit == origin.head
    assert not place.partial.exists()
    assert not (workspace.repo / "half.txt").exists()


async def test_an_empty_folder_is_cloned_into(
    origin: GitRepository, workspace: Workspace, clone: Prepare
) -> None:
    workspace.repo.mkdir(parents=True)
    assert (await clone(origin.path)).start_commit == origin.head


@pytest.mark.parametrize("record", [None, "", "{", '{"start_commit": "--output=/tmp/x"}'])
async def test_a_clone_without_a_good_record_is_kept_too(
    origin: GitRepository, workspace: Workspace, clone: Prepare, record: str | None
) -> None:
    await clone(origin.path)
    place = Place.of(workspace, "repo")
    place.record.unlink()
    if record is not None:
        place.record.write_text(record)
    assert await clone(origin.path) == Prepared(origin.head, found=True)


@pytest.mark.parametrize("name", ["repo/.git/HEAD", "repo/.git/packed-refs", ".moorage/repo.json"])
@pytest.mark.parametrize("put", ["pipe", "link"])
async def test_what_stands_in_a_files_place_is_not_waited_for(
    origin: GitRepository, workspace: Workspace, clone: Prepare, name: str, put: str
) -> None:
    """In a pod the agent can write there, and the runner must not hang or follow."""
    await clone(origin.path)
    path = workspace.root / name
    path.unlink(missing_ok=True)
    if put == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/proc/self/environ")
    assert (await clone(origin.path)).found


@pytest.fixture
def silent_server() -> Any:
    """An address that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/x"


def children() -> set[int]:
    """Processes whose parent, or parent's parent, is this one."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if entry.name.isdigit() and fields[0] != "Z" and int(fields[1]) in {os.getpid(), *found}:
            found.add(int(entry.name))
    return found


async def test_a_timeout_ends_git_and_leaves_nothing(
    silent_server: str, workspace: Workspace, clone: Prepare
) -> None:
    before = children()
    with pytest.raises(CloneError) as caught:
        await clone(silent_server, timeout=0.3)
    assert caught.value.reason is Reason.CLONE_TIMEOUT
    assert children() <= before
    assert not Place.of(workspace, "repo").partial.exists()


async def test_being_cancelled_ends_git(
    silent_server: str, workspace: Workspace, clone: Prepare
) -> None:
    before = children()
    task = asyncio.create_task(clone(silent_server))
    async with asyncio.timeout(10):
        while not Place.of(workspace, "repo").partial.exists():  # noqa: ASYNC110 - git makes it
            await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() <= before


async def test_additional_repositories_lie_beside_the_first(
    origin: GitRepository, tmp_path: Path, workspace: Workspace, clone: Prepare
) -> None:
    library = GitRepository.create(tmp_path / "library")
    extras = [{"url": str(library.path), "path": "libs/one"}]
    prepared = await clone(origin.path, extras=extras)
    assert prepared.additional == (workspace.extra / "libs/one",)
    assert git(prepared.additional[0], "rev-parse", "HEAD") == library.head
    assert git(workspace.repo, "status", "--porcelain") == ""
    (prepared.additional[0] / "kept").touch()
    assert (await clone(origin.path, extras=extras)).found
    assert (prepared.additional[0] / "kept").exists()


@pytest.mark.parametrize("paths", [["."], ["a", "a/b"], ["a/b", "a"], ["a", "./a"]])
async def test_additional_repositories_need_folders_of_their_own(
    origin: GitRepository, clone: Prepare, paths: list[str]
) -> None:
    with pytest.raises(CloneError) as caught:
        await clone(origin.path, extras=[{"url": str(origin.path), "path": p} for p in paths])
    assert caught.value.reason is Reason.SPEC_INVALID


async def test_tells_its_progress(origin: GitRepository, workspace: Workspace) -> None:
    reports: list[Progress] = []
    spec = SessionSpec.model_validate({"repository": {"url": origin.path.as_uri()}})
    await prepare(spec, workspace, reports.append, timeout=20)
    assert reports
    assert {report.repository for report in reports} == {"repo"}
    assert all(0 <= (report.percent or 0) <= 100 for report in reports)


async def test_nothing_is_shared_with_the_source(
    origin: GitRepository, workspace: Workspace, clone: Prepare
) -> None:
    await clone(origin.path)
    objects = [path.stat() for path in workspace.repo.glob(".git/objects/*/*")]
    files = [found for found in objects if stat.S_ISREG(found.st_mode)]
    assert files
    assert all(found.st_nlink == 1 for found in files)
