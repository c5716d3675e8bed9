"""Copies what changed in a hostile tree into a private one, so that git compares only copies."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from moorage_runner.files.content import read_bytes
from moorage_runner.files.errors import OperationError
from moorage_runner.files.limit import Limit
from moorage_runner.files.paths import Parts, in_git
from moorage_runner.files.tree import Tree, lstat

BIG_FILE: Final = 4 * 1024 * 1024
"""Bytes from which git calls a file binary; as core.bigFileThreshold of the private repository."""

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_FILES: Final = 5000

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def copy(source: Tree, target: Tree, paths: Iterable[Parts], limit: Limit) -> list[bool]:
    """Copy files and links until they are too many or too large.

    The target is written like any tree, without following links: copies of links lie in it.

    Returns:
        For each path, in their order, whether it was copied: not if it is gone, lies behind a
        link, or is neither file nor link. The list ends where it was too much.

    Raises:
        OSError: The target cannot be written.
        OperationError: It takes too long.
    """
    left = MAX_BYTES
    copied: list[bool] = []
    for parts in islice(paths, MAX_FILES):
        limit.check()
        if left <= 0:
            break
        size = None if in_git(parts) else _copy_one(source, target, parts, limit)
        copied.append(size is not None)
        left -= size or 0
    return copied


def _copy_one(source: Tree, target: Tree, parts: Parts, limit: Limit) -> int | None:
    """Copy one file or link and return its size in bytes; None if there is none to copy."""
    try:
        taken = _take(source, parts, limit)
        if taken is None:
            return None
        with target.parent(parts, create=True) as folder:
            taken.put(folder, parts[-1])
    except FileExistsError:
        return None
    except OperationError:
        limit.check()
        return None
    return len(taken.data)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A file or link as it was found."""

    mode: int
    data: bytes
    """A file's content, or where a link leads."""
    size: int

    def put(self, folder: int, name: str) -> None:
        if stat.S_ISLNK(self.mode):
            os.symlink(self.data, os.fsencode(name), dir_fd=folder)
            return
        descriptor = os.open(name, _NEW, 0o700 if self.mode & 0o100 else 0o600, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.data)
            file.truncate(self.size)


def _take(source: Tree, parts: Parts, limit: Limit) -> _Taken | None:
    """Read a file, or where a link leads; None if that fails."""
    with suppress(OSError):
        with source.parent(parts) as folder:
            found = lstat(folder, parts[-1])
            if found and stat.S_ISLNK(found.st_mode):
                leads_to = os.fsencode(os.readlink(parts[-1], dir_fd=folder))
                return _Taken(found.st_mode, leads_to, len(leads_to))
        with source.file(parts) as descriptor:
            found = os.fstat(descriptor)
            if found.st_size > BIG_FILE:
                # Git does not look into it: zeros of about that size differ as well.
                return _Taken(found.st_mode, b"", BIG_FILE + 1)
            data = read_bytes(descriptor, BIG_FILE, limit)
            return _Taken(found.st_mode, data, len(data))
    return None
