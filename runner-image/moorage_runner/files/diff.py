"""The working tree against the commit the session started from.

The clone's own configuration, attributes of drivers, hooks and index belong to whoever runs in the
pod: with them git would run their programs (filters, external diff, textconv, fsmonitor) as the
runner. So git works in a private repository outside of the workspace, which has a configuration
and an index of its own and only borrows the clone's objects. In the working tree git tells which
names changed, no more; what they hold is copied without following links (see snapshot) and
compared there. Changes within submodules and within repositories in the tree are not shown.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar, TypeVarTuple

from moorage_api.rpc import MAX_DIFF_BYTES, DiffText
from moorage_runner.clone.process import Finished, environment, run
from moorage_runner.files.content import read_bytes
from moorage_runner.files.errors import OperationError, from_os_error
from moorage_runner.files.limit import Limit
from moorage_runner.files.paths import ROOT, Parts, parse_raw
from moorage_runner.files.snapshot import BIG_FILE, copy
from moorage_runner.files.tree import Tree

_EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_SHA256_LENGTH: Final = 64
_NAMES_LIMIT: Final = 16 * 1024 * 1024
_EXCLUDE: Final = Parts((".git", "info", "exclude"))
_EXCLUDE_LIMIT: Final = 256 * 1024
_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")
_QUIET: Final = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all")


@dataclass(frozen=True, slots=True)
class _Changed:
    """Names that git reports for the working tree, each with its parts."""

    names: list[tuple[bytes, Parts]]
    cut: bool

    @classmethod
    def of(cls, outputs: Sequence[Finished]) -> Self:
        """Read what git wrote: names that each end with NUL; a folder (with /) is a repository."""
        names = [
            (name, parts)
            for output in outputs
            for name in output.stdout.split(b"\0")[:-1]
            if not name.endswith(b"/") and (parts := parse_raw(name))
        ]
        return cls(names, any(output.cut for output in outputs))


class Differ:
    """Compares `tree` with `start_commit` in the private folder `private`, one call at a time."""

    def __init__(
        self, tree: Tree, start_commit: str | None, private: Path, executor: Executor
    ) -> None:
        self._tree = tree
        self._commit = start_commit
        self._private = private
        self._git_folder = private / "git"
        self._copies = Tree(private / "copies")
        self._executor = executor
        self._turn = asyncio.Lock()

    async def diff(self, limit: Limit) -> DiffText:
        """Return the unified diff, cut after MAX_DIFF_BYTES.

        Raises:
            OperationError: Git cannot compare, the disk is full, or it takes too long.
        """
        async with self._turn:
            try:
                await self._in_thread(self._begin, limit)
                await self._read_start()
                changed = await self._changed()
                paths = [parts for _, parts in changed.names]
                copied = await self._in_thread(copy, self._tree, self._copies, paths, limit)
                await self._stage(list(zip(changed.names, copied, strict=False)))
                cut = changed.cut or len(copied) < len(paths)
                return await self._compare(cut=cut)
            except OSError as error:
                raise from_os_error(error, "The diff") from error

    def _begin(self, limit: Limit) -> None:
        """Make the private repository once, and an empty folder for the copies."""
        with self._tree.folder(ROOT):
            """It is ready."""
        info = self._git_folder / "info"
        if not info.exists():
            for folder in ("refs", "objects/info", "info"):
                (self._git_folder / folder).mkdir(parents=True)
            (self._git_folder / "HEAD").write_text("ref: refs/heads/none\n")
            (self._git_folder / "config").write_text(self._config())
            objects = self._tree.root.resolve() / ".git" / "objects"
            (self._git_folder / "objects/info/alternates").write_text(f"{objects}\n")
        (info / "exclude").write_bytes(self._excluded(limit))
        shutil.rmtree(self._copies.root, ignore_errors=True)
        self._copies.root.mkdir()

    def _config(self) -> str:
        long = len(self._commit or "") == _SHA256_LENGTH
        extension = "[extensions]\n\tobjectFormat = sha256\n" if long else ""
        return (
            f"[core]\n\trepositoryformatversion = {int(long)}\n\tbare = false\n"
            f"\tbigFileThreshold = {BIG_FILE}\n\tquotePath = false\n{extension}"
        )

    def _excluded(self, limit: Limit) -> bytes:
        try:
            with self._tree.file(_EXCLUDE) as descriptor:
                return read_bytes(descriptor, _EXCLUDE_LIMIT, limit)
        except OperationError:
            return b""

    async def _read_start(self) -> None:
        """Make the index of where the session started; it stays, so later calls hash less."""
        if not (self._git_folder / "index").exists():
            await self._must("read-tree", self._commit or "--empty")
        # Exit code 1 says that files changed, which is no failure.
        await self._git("update-index", "-q", "--refresh", "--ignore-submodules")

    async def _changed(self) -> _Changed:
        return _Changed.of(
            [
                await self._must("diff-files", "-z", "--name-only", "--ignore-submodules=all"),
                await self._must("ls-files", "-z", "--others", "--exclude-standard"),
            ]
        )

    async def _stage(self, names: list[tuple[tuple[bytes, Parts], bool]]) -> None:
        """Make a second index of the working tree: what was copied, without what is gone."""
        shutil.copyfile(self._git_folder / "index", self._private / "index")
        for present, how in (
            (False, ("--force-remove",)),
            (True, ("--add", "--replace")),
        ):
            chosen = b"".join(name + b"\0" for (name, _), copied in names if copied is present)
            if chosen:
                words = ("update-index", *how, "-z", "--stdin")
                await self._must(*words, stdin=chosen, copies=True)

    async def _compare(self, *, cut: bool) -> DiffText:
        """Compare the second index with the start."""
        base = self._commit or _EMPTY_TREE
        done = await self._must("diff", "--cached", *_QUIET, base, copies=True)
        text = done.stdout
        if done.cut:
            text = text[: text.rfind(b"\n") + 1]
        shown = text.decode("utf-8", "replace")
        return DiffText(diff=shown, truncated=cut or done.cut, base=self._commit)

    async def _must(
        self, *words: str, stdin: bytes | None = None, copies: bool = False
    ) -> Finished:
        done = await self._git(*words, stdin=stdin, copies=copies)
        if done.code and not done.cut:
            raise OperationError(
                "FAILED", "Git cannot compare with where the session started: look at .git."
            )
        return done

    async def _git(self, *words: str, stdin: bytes | None = None, copies: bool = False) -> Finished:
        variables = {
            **environment(),
            "GIT_DIR": str(self._git_folder),
            "GIT_WORK_TREE": str(self._copies.root if copies else self._tree.root),
            "GIT_INDEX_FILE": str(
                self._private / "index" if copies else self._git_folder / "index"
            ),
        }
        limit = MAX_DIFF_BYTES if words[0] == "diff" else _NAMES_LIMIT
        return await run(
            ["git", "-C", str(self._private), *words], variables, stdin=stdin, limit=limit
        )

    async def _in_thread(
        self, function: Callable[[*_Arguments], _Result], *args: *_Arguments
    ) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *args)
