"""Copies what changed in a hostile tree into a private one, so that git compares only copies."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
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


def copy(source: Tree, target: Tree, paths: Iterable[Parts], limit: Limit) -> int:
    """Copy the files in their order until they are too many or too large; return how many.

    A file that is gone, lies behind a link or is no file or link is not copied: to git it is
    deleted. The target is written like any tree, without following links: copies of links lie
    in it.

    Raises:
        OSError: The target cannot be written.
        OperationError: It takes too long.
    """
    left = MAX_BYTES
    done = 0
    for parts in islice(paths, MAX_FILES):
        limit.check()
        if left <= 0:
            break
        if not in_git(parts):
            left -= _copy_one(source, target, parts, limit)
        done += 1
    return done


def _copy_one(source: Tree, target: Tree, parts: Parts, limit: Limit) -> int:
    """Copy one file or link and return its size."""
    try:
        with source.parent(parts) as folder:
            found = lstat(folder, parts[-1])
            if found and stat.S_ISLNK(found.st_mode):
                _copy_link(os.readlink(parts[-1], dir_fd=folder), target, parts)
                return found.st_size
        with source.file(parts) as descriptor:
            mode = os.fstat(descriptor).st_mode
            # More than git looks into: the same size in zeros differs as well.
            size = os.fstat(descriptor).st_size
            data = b"" if size > BIG_FILE else read_bytes(descriptor, BIG_FILE, limit)
    except OSError:
        return 0
    except OperationError:
        limit.check()
        return 0
    _write(target, parts, data, mode, BIG_FILE + 1 if size > BIG_FILE else len(data))
    return len(data) + 1


def _copy_link(leads_to: str, target: Tree, parts: Parts) -> None:
    with suppress(FileExistsError), target.parent(parts, create=True) as folder:
        os.symlink(leads_to, parts[-1], dir_fd=folder)


def _write(target: Tree, parts: Parts, data: bytes, mode: int, size: int) -> None:
    with suppress(FileExistsError), target.parent(parts, create=True) as folder:
        descriptor = os.open(parts[-1], _NEW, 0o700 if mode & 0o100 else 0o600, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.truncate(size)
