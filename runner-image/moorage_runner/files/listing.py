"""Lists folders page by page, with bounded memory however large they are.

The order is that of the paths' names, one after the other, so that a page can begin behind the
last path of the page before without remembering anything. No folder is held open between names.
"""

import heapq
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from typing import Final, Literal

from moorage_api.file_names import is_git
from moorage_api.rpc import MAX_PATH, FileEntry, ListFiles, Listing
from moorage_runner.files.errors import OperationError, show
from moorage_runner.files.limit import Limit
from moorage_runner.files.paths import ROOT, Parts, in_git, join, parse
from moorage_runner.files.tree import Tree, lstat

BATCH: Final = 20_000
"""Names of one folder held at once."""

_LAST_SECOND: Final = 253_402_300_799.0  # 9999-12-31: a later date has no ISO 8601 form
_LOOK_EVERY: Final = 1000


@dataclass(frozen=True, slots=True)
class _Found:
    parts: Parts
    info: os.stat_result


def list_files(tree: Tree, request: ListFiles, limit: Limit) -> Listing:
    """Return a page of a folder. Pipes, devices, sockets and names that are not UTF-8 are left out.

    Raises:
        OperationError: It is no folder, the cursor is of another folder, or it takes too long.
    """
    base = parse(request.path)
    walk = _Walk(tree, limit, len(base), recursive=request.recursive and not in_git(base))
    entries = (
        entry
        for found in walk.below(base, _cursor(request, base))
        if (entry := _entry(found)) and _matches(found, len(base), request.pattern)
    )
    page = list(islice(entries, request.limit + 1))
    more = len(page) > request.limit
    page = page[: request.limit]
    return Listing(
        files=page, base_path=join(base), next_after=page[-1].path if more and page else None
    )


def _cursor(request: ListFiles, base: Parts) -> Parts:
    """Return the names below `base` behind which the page begins."""
    if request.after is None:
        return ROOT
    after = parse(request.after)
    if after[: len(base)] != base:
        raise OperationError("INVALID", f"after must be a path below {show(join(base))}.")
    return Parts(after[len(base) :])


class _Walk:
    """A walk in order, each folder before what it holds."""

    def __init__(self, tree: Tree, limit: Limit, base: int, *, recursive: bool) -> None:
        self._tree = tree
        self._limit = limit
        self._base = base
        self._recursive = recursive

    def below(self, folder: Parts, after: Parts) -> Iterator[_Found]:
        """Give what is below `folder` behind `after`; a stack, since depth is up to others."""
        stack = [self._children(folder, after)]
        while stack:
            item = next(stack[-1], None)
            if item is None:
                stack.pop()
                continue
            found, rest, give = item
            if give:
                yield found
            if self._descends(found):
                stack.append(self._children(found.parts, rest))

    def _descends(self, found: _Found) -> bool:
        return (
            self._recursive
            and stat.S_ISDIR(found.info.st_mode)
            and not is_git(found.parts[-1])
            and len(join(found.parts)) < MAX_PATH
        )

    def _children(self, folder: Parts, after: Parts) -> Iterator[tuple[_Found, Parts, bool]]:
        """Give a folder's entries, what of the cursor lies in each, whether it is on this page."""
        last: str | None = None
        first = after[0] if after else None
        while batch := self._batch(folder, last, first):
            for found in batch:
                name = found.parts[-1]
                inside = name == first
                rest = Parts(after[1:]) if inside else ROOT
                if not inside or self._recursive:
                    yield found, rest, not inside
            if len(batch) < BATCH:
                return
            last = batch[-1].parts[-1]

    def _batch(self, folder: Parts, last: str | None, first: str | None) -> list[_Found]:
        """Return the next BATCH entries; a folder that went away meanwhile has none."""
        try:
            with self._tree.folder(folder) as descriptor:
                names = heapq.nsmallest(BATCH, self._names(descriptor, last, first))
                return [
                    _Found(Parts((*folder, name)), info)
                    for number, name in enumerate(names)
                    if self._look(number) and (info := lstat(descriptor, name))
                ]
        except OperationError as error:
            if len(folder) == self._base or error.code == "FAILED":
                raise
            return []

    def _names(self, descriptor: int, last: str | None, first: str | None) -> Iterator[str]:
        with os.scandir(descriptor) as entries:
            for number, entry in enumerate(entries):
                self._look(number)
                name = entry.name
                behind = (first is None or name >= first) and (last is None or name > last)
                if behind and _is_text(name):
                    yield name

    def _look(self, number: int) -> bool:
        if number % _LOOK_EVERY == 0:
            self._limit.check()
        return True


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _entry(found: _Found) -> FileEntry | None:
    kind = _kind(found.info.st_mode)
    path = join(found.parts)
    if kind is None or len(path) > MAX_PATH:
        return None
    return FileEntry(
        path=path,
        name=found.parts[-1],
        type=kind,
        size=found.info.st_size,
        modified_at=modified_at(found.info),
    )


def _kind(mode: int) -> Literal["file", "directory", "symlink"] | None:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else None


def _matches(found: _Found, base: int, pattern: str | None) -> bool:
    """Whether the name, or the path below the listed folder, fits the pattern."""
    if pattern is None:
        return True
    relative = "/".join(found.parts[base:])
    return fnmatchcase(found.parts[-1], pattern) or fnmatchcase(relative, pattern)


def modified_at(info: os.stat_result) -> datetime:
    """Return when a file was changed; anyone can set that to a moment no calendar has."""
    return datetime.fromtimestamp(min(max(info.st_mtime, 0.0), _LAST_SECOND), UTC)
