"""What can go wrong with a request to the API server, each with what follows.

KubernetesError
├── ViewOutdatedError   it was decided from an old view (409): look again at once
├── ObjectGoneError     what it is about is not there any more (404, 410): look again at once
├── RefusedError        the API server will not have it: tell somebody, try again later
└── UnavailableError    it does not answer, or asks for patience: try again later

Foreign exceptions are translated here and nowhere else (``translated``).
"""

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from kubernetes.aio.client.exceptions import ApiException

from moorage_api.resources import StatusCause

_PATIENCE: Final = timedelta(seconds=1)
_LONGEST_PATIENCE: Final = timedelta(minutes=1)
_MAX_MESSAGE: Final = 1024
_MAX_CAUSES: Final = 20
_TOO_MANY: Final = 429
_POLICY: Final = re.compile(
    r"ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request: (spec[\w.-]*): (.+)",
    re.DOTALL,
)
"""A sentence of the chart's admission policy: it has no other way to say which field it means."""


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

    def __init__(self, status: int, message: str, causes: Sequence[StatusCause] = ()) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.causes = tuple(causes)
        """Which fields it is about, as far as it says."""


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
            return _refused(status, error)
        case _:
            return UnavailableError(_retry_after(error), str(status), undone=status == _TOO_MANY)


def _refused(status: int, error: ApiException) -> RefusedError:
    """Return what the API server's Status object says, without what else is in it."""
    try:
        body = json.loads(error.body or "")
        said = str(body["message"])
    except (ValueError, TypeError, KeyError):
        return RefusedError(status, _sentence(str(error.reason or "no cause was given")))
    return RefusedError(status, _sentence(said), _causes(body))


def _causes(body: dict[str, Any]) -> list[StatusCause]:
    try:
        said = [
            (str(each.get("field", "")), str(each["message"]))
            for each in body["details"]["causes"][:_MAX_CAUSES]
        ]
    except (TypeError, KeyError, AttributeError):
        return []
    causes = [_cause(field, message) for field, message in said]
    return [each for each in causes if each.field]


def _cause(field: str, message: str) -> StatusCause:
    of_policy = _POLICY.fullmatch(message)
    if of_policy:
        field, message = of_policy.groups()
    return StatusCause(field=field, message=_sentence(message))


def _sentence(said: str) -> str:
    said = said.strip()[:_MAX_MESSAGE]
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _retry_after(error: ApiException) -> timedelta:
    try:
        return timedelta(seconds=float((error.headers or {}).get("Retry-After", "")))
    except (ValueError, OverflowError):
        return _PATIENCE
