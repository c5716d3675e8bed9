import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from moorage_api.rpc import MAX_DIFF_BYTES, DiffText
from moorage_runner.files import snapshot
from moorage_runner.files.diff import Differ
from moorage_runner.files.errors import OperationError
from moorage_runner.files.limit import Limit
from moorage_runner.files.tree import Tree
from moorage_testing.git import GitRepository, git


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository.create(tmp_path / "repo", {"a.txt": "one\n", "d/b.txt": "two\n"})


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


class Compare:
    """Compares a repository with its present commit, as often as asked."""

    def __init__(
        self, repository: GitRepository, private: Path, threads: ThreadPoolExecutor
    ) -> None:
        private.mkdir()
        self.differ = Differ(Tree(repository.path), repository.head, private, threads)

    async def __call__(self) -> str:
        return (await self.whole()).diff

    async def whole(self, seconds: float = 20) -> DiffText:
        return await self.differ.diff(Limit(seconds))


@pytest.fixture
def compare(repository: GitRepository, tmp_path: Path, executor: ThreadPoolExecutor) -> Compare:
    return Compare(repository, tmp_path / "private", executor)


async def test_nothing_changed(compare: Compare, repository: GitRepository) -> None:
    assert await compare.whole() == DiffText(diff="", base=repository.head)


async def test_shows_every_kind_of_change(compare: Compare, repository: GitRepository) -> None:
    before = git(repository.path, "status", "--porcelain")
    index = (repository.path / ".git/index").read_bytes()
    repository.write({"a.txt": "changed\n", "new/é.txt": "new\n", "bin": b"\0\1"})
    (repository.path / "d/b.txt").unlink()
    (repository.path / "link").symlink_to("/etc/passwd")
    text = await compare()
    assert "-one\n+changed\n" in text
    assert "deleted file mode 100644" in text
    assert "+++ b/new/é.txt" in text
    assert "Binary files /dev/null and b/bin differ" in text
    assert "new file mode 120000" in text
    assert "+/etc/passwd" in text
    assert before == ""
    assert (repository.path / ".git/index").read_bytes() == index


async def test_shows_commits_and_staged_changes_too(
    compare: Compare, repository: GitRepository
) -> None:
    repository.commit({"a.txt": "committed\n"})
    repository.write({"staged.txt": "staged\n"})
    git(repository.path, "add", "staged.txt")
    text = await compare()
    assert "+committed" in text
    assert "+staged" in text


async def test_the_diff_can_be_applied(
    compare: Compare, repository: GitRepository, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(repository.path), str(other))
    repository.write({"a.txt": "1\n2\n", "x/y/z.txt": "no newline", "run.sh": "#!/bin/sh\n"})
    (repository.path / "run.sh").chmod(0o755)
    (tmp_path / "patch").write_text(await compare())
    git(other, "apply", str(tmp_path / "patch"))
    assert (other / "x/y/z.txt").read_text() == "no newline"
    assert os.access(other / "run.sh", os.X_OK)


async def test_leaves_out_what_is_ignored(compare: Compare, repository: GitRepository) -> None:
    repository.write({".gitignore": "*.log\n", "x.log": "noise\n", "y.tmp": "noise\n"})
    (repository.path / ".git/info").mkdir(exist_ok=True)
    (repository.path / ".git/info/exclude").write_text("*.tmp\n")
    text = await compare()
    assert "noise" not in text
    assert "+*.log" in text


async def test_can_be_asked_again(compare: Compare, repository: GitRepository) -> None:
    for content in ("1\n", "2\n", "one\n"):
        repository.write({"a.txt": content})
        text = await compare()
        assert (f"+{content}" in text) is (content != "one\n")


async def test_many_at_once_give_the_same(compare: Compare, repository: GitRepository) -> None:
    repository.write({"a.txt": "x\n"})
    assert len(set(await asyncio.gather(*(compare() for _ in range(4))))) == 1


async def test_a_folder_in_place_of_a_file_and_back(
    compare: Compare, repository: GitRepository
) -> None:
    (repository.path / "a.txt").unlink()
    repository.write({"a.txt/inner": "x\n"})
    assert "+++ b/a.txt/inner" in await compare()


async def test_a_repository_without_commits(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    repository = GitRepository.create(tmp_path / "empty", {})
    repository.write({"first.txt": "first\n"})
    (tmp_path / "private").mkdir()
    differ = Differ(Tree(repository.path), None, tmp_path / "private", executor)
    reply = await differ.diff(Limit(20))
    assert "+first" in reply.diff
    assert reply.base is None


async def test_is_cut_after_a_line(compare: Compare, repository: GitRepository) -> None:
    repository.write({"a.txt": "a long line of text\n" * 150_000})
    reply = await compare.whole()
    assert reply.truncated
    assert len(reply.diff) <= MAX_DIFF_BYTES
    assert reply.diff.endswith("\n")


async def test_a_huge_file_is_not_copied(compare: Compare, repository: GitRepository) -> None:
    with (repository.path / "huge").open("wb") as file:
        file.truncate(10 * 1024**3)
    assert "Binary files /dev/null and b/huge differ" in await compare()


async def test_too_many_files_are_told(
    compare: Compare, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "MAX_FILES", 3)
    repository.write({f"f{number}": "x\n" for number in range(5)} | {"a.txt": "x\n"})
    reply = await compare.whole()
    assert reply.truncated
    assert reply.diff.count("diff --git") == 3
    assert "deleted" not in reply.diff


async def test_the_start_is_gone(compare: Compare, repository: GitRepository) -> None:
    (repository.path / ".git/objects").rename(repository.path / ".git/gone")
    with pytest.raises(OperationError) as caught:
        await compare()
    assert caught.value.code == "FAILED"


@pytest.fixture
async def trap(repository: GitRepository, tmp_path: Path) -> AsyncIterator[str]:
    """A command for the repository to make git run; it must not have run."""
    ran = tmp_path / "ran"
    yield f"touch {ran} #"
    assert not ran.exists()


async def test_nothing_that_the_repository_names_is_run(
    compare: Compare, repository: GitRepository, trap: str
) -> None:
    for name in (
        *("core.fsmonitor", "diff.external", "diff.x.command", "diff.x.textconv", "core.pager"),
        *("filter.x.clean", "filter.x.smudge", "filter.x.process", "core.sshCommand"),
        *("diff.trustExitCode", "core.editor", "core.gitProxy", "core.askPass"),
    ):
        git(repository.path, "config", name, trap)
    git(repository.path, "config", "filter.x.required", "true")
    for name in ("post-index-change", "pre-commit", "fsmonitor-watchman", "post-checkout"):
        hook = repository.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{trap}\n")
        hook.chmod(0o755)
    repository.write(
        {".gitattributes": "* filter=x diff=x merge=x\n", "a.txt": "changed\n", "new": "new\n"}
    )
    text = await compare()
    assert "+changed" in text
    assert "+new" in text


async def test_another_work_tree_is_not_followed(
    compare: Compare, repository: GitRepository, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret\n")
    git(repository.path, "config", "core.worktree", str(tmp_path / "outside"))
    (repository.path / "d/b.txt").unlink()
    (repository.path / "d").rmdir()
    (repository.path / "d").symlink_to(tmp_path / "outside")
    (tmp_path / "outside/b.txt").write_text("secret\n")
    text = await compare()
    assert "secret\n" not in text.replace(str(tmp_path), "")


async def test_a_repository_within_is_not_entered(
    compare: Compare, repository: GitRepository, trap: str
) -> None:
    inner = GitRepository.create(repository.path / "inner")
    git(inner.path, "config", "core.fsmonitor", trap)
    inner.write({"README.md": "changed\n"})
    assert await compare() == ""


async def test_a_pipe_in_place_of_a_file_does_not_hang(
    compare: Compare, repository: GitRepository
) -> None:
    (repository.path / "a.txt").unlink()
    os.mkfifo(repository.path / "a.txt")
    os.mkfifo(repository.path / "pipe")
    assert "deleted file" in await compare()


@contextmanager
def swapping(one: Path, other: Path) -> Iterator[None]:
    """Swap the two, as fast as can be, until the block ends."""
    script = Path(__file__).with_name("test_escapes.py")
    command = [sys.executable, str(script), str(one), str(other)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "swapping\n"
            yield
        finally:
            process.kill()


async def test_no_swap_shows_what_is_outside(
    compare: Compare, repository: GitRepository, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/b.txt").write_text("secret\n")
    repository.write({"d/b.txt": "changed\n"})
    link = repository.path / "d.link"
    link.symlink_to(tmp_path / "outside")
    with swapping(repository.path / "d", link):
        for _ in range(10):
            assert "+secret" not in await compare()
