"""Walks a tree of files that a hostile program changes at the same time.

Each step opens one name relative to the folder held open before it, and never follows a symbolic
link (O_NOFOLLOW). So no path, and no swap of a folder for a link between two steps, leads out.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage_runner.files.errors import OperationError, from_os_error, show
from moorage_runner.files.paths import Parts, join

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below `root`."""

    root: Path

    @contextmanager
    def folder(self, parts: Parts, *, create: bool = False) -> Iterator[int]:
        """Hold the folder open and give its file descriptor.

        Raises:
            OperationError: It is no folder, or lies behind a link.
        """
        folder = self._open_root()
        try:
            for depth, part in enumerate(parts, start=1):
                below = _step(folder, Parts(parts[:depth]), part, create=create)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)

    @contextmanager
    def file(self, parts: Parts) -> Iterator[int]:
        """Hold a regular file open for reading and give its file descriptor.

        Raises:
            OperationError: It is no regular file, or lies behind a link.
        """
        path = join(parts)
        with self.parent(parts) as folder:
            require_file(lstat(folder, parts[-1]), path)
            try:
                descriptor = os.open(parts[-1], _FILE, dir_fd=folder)
            except OSError as error:
                raise from_os_error(error, path) from error
        try:
            # What was looked at above may have been swapped for something else since.
            require_file(os.fstat(descriptor), path)
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def parent(self, parts: Parts, *, create: bool = False) -> Iterator[int]:
        """Hold open the folder that holds the last name.

        Raises:
            OperationError: There is no name, or no such folder.
        """
        if not parts:
            raise from_os_error(OSError(errno.EISDIR, "Is a directory"), ".")
        with self.folder(Parts(parts[:-1]), create=create) as folder:
            yield folder

    def _open_root(self) -> int:
        try:
            return os.open(self.root, _FOLDER)
        except OSError as error:
            raise OperationError(
                "NOT_READY", "The repository is not ready: wait until the session is Ready."
            ) from error


def _step(folder: int, so_far: Parts, name: str, *, create: bool) -> int:
    try:
        if create:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=folder)
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        # O_DIRECTORY says ENOTDIR of a link too; the sentence should tell them apart.
        found = lstat(folder, name) if error.errno == errno.ENOTDIR else None
        if found and stat.S_ISLNK(found.st_mode):
            error = OSError(errno.ELOOP, "Is a symbolic link")
        raise from_os_error(error, join(so_far)) from error


def lstat(folder: int, name: str) -> os.stat_result | None:
    """Look at `name` itself; None if there is nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None


def require_file(found: os.stat_result | None, path: str) -> os.stat_result:
    """Return what was found if it is a regular file.

    Raises:
        OperationError: It is missing, a folder, a symbolic link, a device, a pipe or a socket.
    """
    if found is None:
        raise from_os_error(OSError(errno.ENOENT, "No such file"), path)
    if stat.S_ISDIR(found.st_mode):
        raise from_os_error(OSError(errno.EISDIR, "Is a directory"), path)
    if stat.S_ISLNK(found.st_mode):
        text = f"{show(path)} is a symbolic link: name the file it leads to."
        raise OperationError("FORBIDDEN", text)
    if not stat.S_ISREG(found.st_mode):
        raise OperationError("FORBIDDEN", f"{show(path)} is no regular file.")
    return found
