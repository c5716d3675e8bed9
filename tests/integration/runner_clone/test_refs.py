from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from moorage_api.reasons import Reason
from moorage_runner.clone import CloneError, Prepared
from moorage_runner.workspace import Workspace
from moorage_testing.git import GitRepository, git, serving_git

Prepare = Callable[..., Coroutine[Any, Any, Prepared]]


@pytest.fixture
def commits(origin: GitRepository) -> dict[str, str]:
    """A history: first (tags old and annotated), a commit on no branch, second (main)."""
    first = origin.head
    git(origin.path, "tag", "old")
    git(origin.path, "tag", "--annotate", "annotated", "--message", "a tag")
    git(origin.path, "checkout", "--quiet", "-b", "side")
    side = origin.commit({"side.txt": "side\n"})
    git(origin.path, "update-ref", "refs/pull/7/head", side)
    git(origin.path, "checkout", "--quiet", "main")
    git(origin.path, "branch", "--quiet", "-D", "side")
    git(origin.path, "branch", "beef", first)
    return {"first": first, "side": side, "second": origin.commit({"a.txt": "two\n"})}


@pytest.mark.parametrize("depth", [None, 1])
@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        (None, "second"),
        ("main", "second"),
        ("old", "first"),
        ("annotated", "first"),
        ("refs/tags/old", "first"),
        ("refs/pull/7/head", "side"),
        ("beef", "first"),
        ("{first}", "first"),
        ("{first:.9}", "first"),
        ("{side}", "side"),
    ],
)
async def test_checks_out_what_the_ref_names(
    origin: GitRepository,
    commits: dict[str, str],
    workspace: Workspace,
    clone: Prepare,
    ref: str | None,
    expected: str,
    depth: int | None,
) -> None:
    git(origin.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    name = ref.format(**commits) if ref else None
    prepared = await clone(origin.path, ref=name, depth=depth)
    assert prepared.start_commit == commits[expected] == git(workspace.repo, "rev-parse", "HEAD")
    assert git(workspace.repo, "status", "--porcelain") == ""


async def test_a_server_that_gives_no_commit_alone_gives_all(
    origin: GitRepository, commits: dict[str, str], workspace: Workspace, clone: Prepare
) -> None:
    git(origin.path, "config", "uploadpack.allowAnySHA1InWant", "false")
    origin.commit({"a.txt": "three\n"})
    # Protocol version 2 gives any commit; a server that speaks version 0 alone does not.
    with serving_git(origin.path.parent, protocol_two=False) as server:
        prepared = await clone(f"{server.url}/origin/.git", ref=commits["second"], depth=1)
    assert prepared.start_commit == commits["second"]
    assert not (workspace.repo / ".git/shallow").exists()


@pytest.mark.parametrize("ref", ["no-such", "abcdef1", "f" * 40, "refs/pull/9/head"])
@pytest.mark.parametrize("depth", [None, 1])
async def test_a_missing_ref_has_its_reason(
    origin: GitRepository, workspace: Workspace, clone: Prepare, ref: str, depth: int | None
) -> None:
    with pytest.raises(CloneError) as caught:
        await clone(origin.path, ref=ref, depth=depth)
    assert caught.value.reason is Reason.REF_NOT_FOUND
    assert ref in caught.value.message
    assert not workspace.repo.exists()


async def test_depth_limits_the_history(
    origin: GitRepository, commits: dict[str, str], workspace: Workspace, clone: Prepare
) -> None:
    await clone(origin.path, depth=1)
    assert git(workspace.repo, "rev-list", "--count", "HEAD") == "1"


async def test_an_empty_repository_has_no_start(tmp_path: Path, clone: Prepare) -> None:
    empty = GitRepository.create(tmp_path / "empty", {})
    assert (await clone(empty.path)).start_commit is None


async def test_packed_refs_and_worktrees_are_read(
    origin: GitRepository, tmp_path: Path, clone: Prepare
) -> None:
    git(origin.path, "worktree", "add", "--quiet", str(tmp_path / "tree"), "-b", "wt")
    git(origin.path, "pack-refs", "--all")
    assert (await clone(tmp_path / "tree")).start_commit == origin.head
