"""What can go wrong with a request to the API server, each with what follows.

KubernetesError
├── ViewOutdatedError   it was decided from an old view (409): look again at once
├── ObjectGoneError     what it is about is not there any more (404, 410): look again at once
├── RefusedError        the API server will not have it: tell somebody, try again later
└── UnavailableError    it does not answer, or asks for patience: try again later

Foreign exceptions are translated here and nowhere else (``translated``).
"""

import json
from datetime import timedelta
from typing import Final

from kubernetes.aio.client.exceptions import ApiException

_PATIENCE: Final = timedelta(seconds=1)
_LONGEST_PATIENCE: Final = timedelta(minutes=1)
_MAX_MESSAGE: Final = 1024
_TOO_MANY: Final = 429


class KubernetesError(Exception):
    """A request failed."""

    retry_after: timedelta = timedelta()
    """How long to wait at least before looking again."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(cause)
        self.cause = cause or type(self).__name__


class ViewOutdatedError(KubernetesError):
    """The request was decided from an old view: there is another version, or one of its name."""


class ObjectGoneError(KubernetesError):
    """What it is about is not there any more."""


class RefusedError(KubernetesError):
    """The API server will not have it. Its message is a sentence for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class UnavailableError(KubernetesError):
    """The API server does not answer now, or asks for patience."""

    def __init__(
        self, retry_after: timedelta = _PATIENCE, cause: str = "", *, undone: bool = False
    ) -> None:
        super().__init__(cause)
        self.undone = undone
        """Whether it is certain that nothing was done: an answer that got lost proves nothing."""
        self.retry_after = min(max(retry_after, _PATIENCE), _LONGEST_PATIENCE)


def translated(error: ApiException) -> KubernetesError:
    """Return our own error for one of the client library's."""
    status = int(error.status or 0)
    match status:
        case 404 | 410:
            return ObjectGoneError()
        case 409:
            return ViewOutdatedError()
        case 400 | 403 | 405 | 406 | 413 | 415 | 422:
            return RefusedError(status, _message(error))
        case _:
            return UnavailableError(_retry_after(error), str(status), undone=status == _TOO_MANY)


def _message(error: ApiException) -> str:
    """Return the message of the API server's Status object, without what else is in it."""
    try:
        body = json.loads(error.body or "")
        said = str(body["message"])
    except (ValueError, TypeError, KeyError):
        said = str(error.reason or "no cause was given")
    said = said.strip()[:_MAX_MESSAGE]
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _retry_after(error: ApiException) -> timedelta:
    try:
        return timedelta(seconds=float((error.headers or {}).get("Retry-After", "")))
    except (ValueError, OverflowError):
        return _PATIENCE
