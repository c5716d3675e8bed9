"""Why a file operation was not done.

    OperationError   code for programs, a sentence for people; becomes the Failure reply

Errors of the operating system are translated in one place, `from_os_error`.
"""

import errno
from typing import Final

from moorage_api.rpc import MAX_FILE_BYTES, Failure, FailureCode

_SHOWN: Final = 200
"""Characters of a path in a sentence."""

_MEGABYTES: Final = MAX_FILE_BYTES // (1024 * 1024)

_TABLE: Final[dict[int, tuple[FailureCode, str]]] = {
    errno.ENOENT: ("NOT_FOUND", "{path} does not exist: list the folder to see what does."),
    errno.ENOTDIR: (
        "NOT_FOUND",
        "{path} leads through a file: list the folder to see what is there.",
    ),
    errno.ELOOP: ("FORBIDDEN", "{path} leads through a symbolic link: name the file itself."),
    errno.EEXIST: ("CONFLICT", "{path} exists already: update it instead."),
    errno.EISDIR: ("INVALID", "{path} is a folder: name a file in it."),
    errno.ENAMETOOLONG: ("INVALID", "{path} is too long a name: choose a shorter one."),
    errno.EINVAL: ("INVALID", "{path} is not a name the workspace can hold: choose another."),
    errno.EILSEQ: ("INVALID", "{path} is not a name the workspace can hold: choose another."),
    errno.EACCES: ("FORBIDDEN", "{path} may not be accessed: change its permissions first."),
    errno.EPERM: ("FORBIDDEN", "{path} may not be changed: change its permissions first."),
    errno.EROFS: ("FORBIDDEN", "{path} lies on a read-only file system."),
    errno.ENOSPC: ("NO_SPACE", "The workspace is full: delete something or raise workspace.size."),
    errno.EDQUOT: ("NO_SPACE", "The workspace is full: delete something or raise workspace.size."),
    errno.EFBIG: ("TOO_LARGE", "{path} would be larger than the workspace allows."),
}


class OperationError(Exception):
    """An operation was not done."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code: FailureCode = code
        self.message = message

    def reply(self) -> Failure:
        """Return the reply that says so."""
        return Failure(code=self.code, message=self.message)


def show(path: str) -> str:
    """Return `path` for a sentence: quoted, on one line, not too long."""
    cut = path if len(path) <= _SHOWN else path[: _SHOWN - 3] + "..."
    return repr(cut.encode("utf-8", "backslashreplace").decode("utf-8"))


def from_os_error(error: OSError, path: str) -> OperationError:
    """Translate what the operating system says about `path`."""
    code, sentence = _TABLE.get(
        error.errno or 0, ("FAILED", f"{{path}} failed: {error.strerror or 'unknown'}; try again.")
    )
    return OperationError(code, sentence.replace("{path}", show(path)))


def too_large(path: str) -> OperationError:
    """Return the error for content over the limit."""
    return OperationError("TOO_LARGE", f"{show(path)} is larger than {_MEGABYTES} MB.")
