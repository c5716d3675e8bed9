"""Which paths are asked for. Pure: what they lead to is decided by `tree`, one step at a time."""

import os
from typing import Final, NewType

from moorage_runner.files.errors import OperationError, show

Parts = NewType("Parts", tuple[str, ...])
"""A path's names below the clone's root; none of them is empty, `.` or `..`."""

ROOT: Final = Parts(())
_LONGEST_NAME: Final = 255


def parse(path: str) -> Parts:
    """Split a client's path. It is taken as it is: nothing in it is decoded or resolved.

    Raises:
        OperationError: FORBIDDEN, it is absolute or holds `..`; INVALID, no file can have it.
    """
    if path.startswith("/"):
        raise OperationError("FORBIDDEN", f"{show(path)} must be relative to the repository.")
    parts = tuple(part for part in path.split("/") if part not in {"", "."})
    if ".." in parts:
        raise OperationError("FORBIDDEN", f"{show(path)} must not hold '..': write where it leads.")
    if not all(_is_name(part) for part in parts):
        raise OperationError("INVALID", f"{show(path)} is no valid path: rename what it names.")
    return Parts(parts)


def parse_raw(path: bytes) -> Parts | None:
    """Split a path that git reports; None for one that no tree of files can hold."""
    parts = os.fsdecode(path).split("/")
    return None if any(part in {"", ".", ".."} for part in parts) else Parts(tuple(parts))


def join(parts: Parts) -> str:
    """Return the path as clients see it."""
    return "/".join(parts) or "."


def in_git(parts: Parts) -> bool:
    """Whether the path is a `.git` or lies in one, whatever its case and depth."""
    return any(is_git(part) for part in parts)


def is_git(name: str) -> bool:
    """Whether a folder or file of this name is git's own, on any file system."""
    return name.casefold().rstrip(" .") == ".git"


def _is_name(part: str) -> bool:
    try:
        encoded = part.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return len(encoded) <= _LONGEST_NAME and b"\0" not in encoded
