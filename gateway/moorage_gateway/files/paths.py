"""Paths of files in requests: refused here already, and again by the runner, which has the disk."""

from moorage_api.file_names import FileKinds, is_git
from moorage_api.rpc import MAX_PATH
from moorage_gateway.errors import Forbidden, Mistake, RequestInvalid, UnsupportedType


def checked_path(path: str) -> str:
    """Return ``path`` if it may name something in a workspace.

    Raises:
        RequestInvalid: if it is empty, too long, absolute, leads upwards or holds NUL.
    """
    reason = _fault(path)
    if reason is not None:
        raise RequestInvalid([Mistake("path", reason)])
    return path


def _fault(path: str) -> str | None:
    if not path:
        return "must not be empty"
    if len(path) > MAX_PATH:
        return f"must not be longer than {MAX_PATH} characters"
    if "\0" in path:
        return "must not contain the character NUL"
    if path.startswith("/"):
        return "must be relative to the workspace"
    if ".." in path.split("/"):
        return "must not contain '..'"
    return None


def checked_file(path: str, kinds: FileKinds, *, write: bool) -> str:
    """Return ``path`` if files like it may be read, or written.

    Raises:
        RequestInvalid: as `checked_path` does.
        Forbidden: if it would be written below .git.
        UnsupportedType: if such files are neither read nor written.
    """
    parts = [part for part in checked_path(path).split("/") if part not in {"", "."}]
    if not parts:
        raise RequestInvalid([Mistake("path", "must name a file")])
    if write and any(is_git(part) for part in parts):
        raise Forbidden("what is below .git can only be read")
    if not kinds.allow(parts[-1]):
        raise UnsupportedType(parts[-1])
    return path
