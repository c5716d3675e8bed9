"""Which paths are asked for, and which of them may be.

Pure: what they lead to is decided by `tree`, one step at a time.
"""

import os
from typing import Final, NewType

from moorage_api.file_names import USUAL_FILES, is_git
from moorage_api.rpc import DeleteFile, ReadFile, WriteFile
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


def parse_file(request: ReadFile | WriteFile | DeleteFile) -> Parts:
    """Split the path of a file that may be read, or written, as the request wants to.

    Raises:
        OperationError: It cannot be; git's own would be written; it is of no kind that is allowed.
    """
    parts = parse(request.path)
    if in_git(parts) and not isinstance(request, ReadFile):
        text = f"{show(request.path)} belongs to git and is read-only: ask Claude to run git."
        raise OperationError("FORBIDDEN", text)
    if parts and not (request.kinds or USUAL_FILES).allow(parts[-1]):
        raise OperationError("UNSUPPORTED", f"Files like {show(parts[-1])} are not exchanged.")
    return parts


def parse_raw(path: bytes) -> Parts | None:
    """Split a path that git reports; None for one that no tree of files can hold."""
    parts = os.fsdecode(path).split("/")
    return None if any(part in {"", ".", ".."} for part in parts) else Parts(tuple(parts))


def join(parts: Parts) -> str:
    """Return the path as clients see it."""
    return "/".join(parts) or "."


def in_git(parts: Parts) -> bool:
    """Whether the path is a `.git` or lies in one, however it is spelled and at any depth."""
    return any(is_git(part) for part in parts)


def _is_name(part: str) -> bool:
    try:
        encoded = part.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return len(encoded) <= _LONGEST_NAME and b"\0" not in encoded
