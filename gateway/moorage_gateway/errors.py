"""The gateway's errors: one tree, and the one place where they become HTTP.

A class fixes code and status; its constructor takes facts, the sentence is made here::

    GatewayError
    ├── RequestInvalid          400 VALIDATION_ERROR     mistakes, each with the field's path
    ├── Unauthorized            401 UNAUTHORIZED
    │   ├── LoginRefused                                 address or password: not told which
    │   ├── RefreshRefused                               the sign-in has ended
    │   └── MembershipLapsed                             a key of whom no provider names a member
    ├── BudgetSpent             402 BUDGET_EXCEEDED
    ├── Forbidden               403 FORBIDDEN            the runner refused a path
    │   ├── LoginsOff                                    nobody logs in here
    │   ├── HostRefused                                  the Host header names another machine
    │   └── OriginRefused                                another site's page tried to write
    ├── NotFound                404 NOT_FOUND            also for what is another user's
    ├── MethodNotAllowed        405 METHOD_NOT_ALLOWED
    ├── TooSlow                 408 REQUEST_TIMEOUT      the body did not come in time
    ├── Conflict                409 CONFLICT
    │   ├── AddressTaken                                 there is an account with this address
    │   ├── EnoughKeys                                   no more API keys for this user
    │   ├── KeyReused                                    one idempotency key, two contents
    │   ├── KeySpent                                     what was made under the key is deleted
    │   ├── QuotaReached                                 as many sessions as the user may have
    │   ├── AlreadyDecided                               an approval, with the decision that stands
    │   ├── AlreadyResolved                              an approval that nobody waits for
    │   ├── SessionFinished
    │   ├── LastAdmin                                    nobody would be left to manage anything
    │   ├── RoleProvided                                 an identity provider says who is an admin
    │   ├── NotRetryable                                 a dead letter that cannot be done again
    │   └── FileConflict
    ├── SessionNotReady         409 SESSION_NOT_READY
    ├── TooLarge                413 PAYLOAD_TOO_LARGE
    ├── UnsupportedType         415 UNSUPPORTED_TYPE
    ├── RateLimited             429 RATE_LIMITED
    │   └── StreamsHeld                                  as many streams as the user may hold
    ├── Unavailable             503 BACKEND_UNAVAILABLE  Redis, database or sessions do not answer
    │   └── FilesBusy                                    too many file operations are under way
    └── InternalError           500 INTERNAL_ERROR       with the request id, never a trace

Foreign exceptions are translated in ``translate``; what it does not know is an InternalError.
"""
# ruff: noqa: N818 - the names read as sentences: raise NotFound("session", name)

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from moorage_api.base import WireModel
from moorage_gateway.backends.interface import (
    BackendUnavailable,
    SessionExists,
    SessionMissing,
    SessionRefused,
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one field of a request; the path is in the request's terms."""

    path: str
    message: str


class GatewayError(Exception):
    """What a client is told about. Never raised itself."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500

    def __init__(
        self, message: str, details: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.headers = headers or {}


class RequestInvalid(GatewayError):
    """Fields of the request are not as they must be."""

    code = "VALIDATION_ERROR"
    status = 400

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        first = mistakes[0]
        text = f"{first.path}: {first.message}" if first.path else first.message
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        details = [{"path": mistake.path, "message": mistake.message} for mistake in mistakes]
        super().__init__(text + more, details)


class Unauthorized(GatewayError):
    """Nobody is logged in."""

    code = "UNAUTHORIZED"
    status = 401

    def __init__(self) -> None:
        super().__init__(
            "log in first: the request carries no valid token",
            headers={"WWW-Authenticate": 'Bearer realm="moorage"'},
        )


class LoginRefused(Unauthorized):
    """The address, the password or both are wrong, or the account is disabled."""

    def __init__(self) -> None:
        super().__init__()
        self.message = "the address or the password is wrong"


class RefreshRefused(Unauthorized):
    """The refresh token is of no sign-in that stands."""

    def __init__(self) -> None:
        super().__init__()
        self.message = "the sign-in has ended: log in again"


class MembershipLapsed(Unauthorized):
    """An API key is good, and no provider has said lately that its user may come in."""

    def __init__(self) -> None:
        super().__init__()
        self.message = (
            "this key is for members of a group, and the identity provider has not named you as "
            "one lately: sign in there once more, and use its token here"
        )


class BudgetSpent(GatewayError):
    """The session has spent what it may."""

    code = "BUDGET_EXCEEDED"
    status = 402

    def __init__(self, session_id: str) -> None:
        super().__init__(f"session {session_id} has spent its budget")


class Forbidden(GatewayError):
    """What is there may not be done."""

    code = "FORBIDDEN"
    status = 403

    def __init__(self, what: str) -> None:
        super().__init__(what)


class LoginsOff(Forbidden):
    """There are no accounts."""

    def __init__(self) -> None:
        super().__init__("nobody logs in here: the gateway runs with MOORAGE_AUTH=none")


class HostRefused(Forbidden):
    """The request is addressed to a name that is not this gateway's."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"the request is addressed to {host[:100]!r}: use localhost or 127.0.0.1, or add the "
            "name to MOORAGE_HTTP__ALLOWED_HOSTS"
        )


class OriginRefused(Forbidden):
    """A page of another origin tried to write."""

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"pages of {origin[:200]!r} may not write here: add the origin to "
            "MOORAGE_HTTP__ALLOWED_ORIGINS if it is yours"
        )


class NotFound(GatewayError):
    """There is no such thing, or it is another's."""

    code = "NOT_FOUND"
    status = 404

    def __init__(self, kind: str, name: str | None = None) -> None:
        super().__init__(
            f"there is no {kind}" if name is None else f"there is no {kind} {name[:200]}"
        )


class MethodNotAllowed(GatewayError):
    """The path exists, with other methods."""

    code = "METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, allow: str | None) -> None:
        super().__init__(
            f"this path takes {allow}" if allow else "this path takes other methods",
            headers={"Allow": allow} if allow else None,
        )


class TooSlow(GatewayError):
    """The request did not arrive in time."""

    code = "REQUEST_TIMEOUT"
    status = 408

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the request did not arrive within {seconds:g} s",
            {"seconds": seconds},
            {"Connection": "close"},  # what is missing of it may still come
        )


class Conflict(GatewayError):
    """It does not go with what is there."""

    code = "CONFLICT"
    status = 409


class AddressTaken(Conflict):
    """There is an account with this address."""

    def __init__(self) -> None:
        super().__init__("there is an account with this address already: log in")


class EnoughKeys(Conflict):
    """The user has as many API keys as one may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"you have {most} API keys, which is the most: delete one", {"limit": most}
        )


class KeyReused(Conflict):
    """An idempotency key came again with another content."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the idempotency key {key[:200]!r} was used with another content: use a new key"
        )


class KeySpent(Conflict):
    """What was made under an idempotency key is no longer there."""

    def __init__(self, key: str, kind: str, object_id: str) -> None:
        super().__init__(
            f"the {kind} that was made under the idempotency key {key[:200]!r} is deleted: use a "
            "new key for another one",
            {"id": object_id, "deleted": True},
        )


class QuotaReached(Conflict):
    """The user has as many sessions as they may."""

    def __init__(self, quota: str, limit: int, used: int) -> None:
        remedy = "suspend or delete one" if quota == "sessionsRunning" else "delete one"
        what = "running at once" if quota == "sessionsRunning" else "kept"
        super().__init__(
            f"{used} of {limit} sessions are {what}: {remedy} first",
            {"quota": quota, "limit": limit, "used": used},
        )


class AlreadyDecided(Conflict):
    """Somebody decided otherwise."""

    def __init__(self, approval_id: str, standing: Mapping[str, Any]) -> None:
        super().__init__(
            f"approval {approval_id} was decided already: {standing.get('decision')}",
            dict(standing),
        )


class AlreadyResolved(Conflict):
    """Nobody waits for a decision any more."""

    def __init__(self, approval_id: str, outcome: str) -> None:
        super().__init__(f"approval {approval_id} is {outcome}", {"outcome": outcome})


class SessionFinished(Conflict):
    """The session has ended."""

    def __init__(self, session_id: str, phase: str) -> None:
        super().__init__(
            f"session {session_id} has ended ({phase}): create another one", {"phase": phase}
        )


class LastAdmin(Conflict):
    """There must be an admin who may come in."""

    def __init__(self) -> None:
        super().__init__("this is the last admin who may come in: make another one first")


class RoleProvided(Conflict):
    """The role follows the groups in the provider's tokens."""

    def __init__(self, issuer: str) -> None:
        super().__init__(
            f"the role follows the groups that {issuer} names: change it there, or disable the user"
        )


class NotRetryable(Conflict):
    """A dead letter's input cannot be sent again."""

    def __init__(self, why: str) -> None:
        super().__init__(f"this input cannot be sent again: {why}")


class FileConflict(Conflict):
    """The runner found another file than the request supposes."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class SessionNotReady(GatewayError):
    """The session has no runner that could do it now."""

    code = "SESSION_NOT_READY"
    status = 409

    def __init__(self, session_id: str, phase: str) -> None:
        super().__init__(
            f"session {session_id} is {phase} and has no runner that answers: resume it, or try "
            "again when it is Ready",
            {"phase": phase},
        )


class TooLarge(GatewayError):
    """The request is too large."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413

    def __init__(self, what: str, limit: int, unit: str = "bytes") -> None:
        super().__init__(f"{what} exceeds {limit:,} {unit}", {"limit": limit, "unit": unit})


class UnsupportedType(GatewayError):
    """Files of this type are neither read nor written."""

    code = "UNSUPPORTED_TYPE"
    status = 415

    def __init__(self, name: str) -> None:
        super().__init__(
            f"files such as {name[:200]!r} are neither read nor written: MOORAGE_FILES__EXTENSIONS "
            "and MOORAGE_FILES__NAMES say which are"
        )


class RateLimited(GatewayError):
    """Too many requests."""

    code = "RATE_LIMITED"
    status = 429

    def __init__(self, limit: int, window_seconds: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"more than {limit} requests in {window_seconds} s",
            {"limit": limit, "window": window_seconds, "retryAfter": retry_after_seconds},
            {"Retry-After": str(retry_after_seconds)},
        )


class StreamsHeld(RateLimited):
    """The user holds as many streams and polls as one may: not at a rate, so the window is 0."""

    def __init__(self, most: int) -> None:
        super().__init__(most, 0, 5)
        self.message = (
            f"you hold {most} streams and polls of events, which is the most: close one first; "
            "/events follows all sessions in one"
        )


class Unavailable(GatewayError):
    """Something that the gateway needs does not answer."""

    code = "BACKEND_UNAVAILABLE"
    status = 503

    def __init__(self, what: str, retry_after: timedelta | None = None) -> None:
        seconds = None if retry_after is None else max(math.ceil(retry_after.total_seconds()), 1)
        super().__init__(
            f"{what} does not answer: try again shortly",
            {"service": what},
            None if seconds is None else {"Retry-After": str(seconds)},
        )


class FilesBusy(Unavailable):
    """As many file operations are under way as there may be, and none ended in time."""

    def __init__(self, whose: str, most: int) -> None:
        super().__init__("files")
        self.message = (
            f"{most} file operations of {whose} are under way, as many as may be: try again shortly"
        )


class InternalError(GatewayError):
    """A mistake of ours. What it was stands in the log under the request's id."""

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"something went wrong here; the log has it under request {request_id}",
            {"requestId": request_id},
        )


def _refused(error: SessionRefused) -> GatewayError:
    if error.forbidden:
        return Forbidden(error.message)
    return RequestInvalid([Mistake("", error.message)])


_FOREIGN: tuple[tuple[type[Exception], Callable[[Any], GatewayError]], ...] = (
    (SessionMissing, lambda _: NotFound("session")),
    (SessionExists, lambda _: Conflict("there is another session with this name already")),
    (SessionRefused, _refused),
    (BackendUnavailable, lambda error: Unavailable("sessions", error.retry_after)),
    (RedisError, lambda _: Unavailable("redis")),
    (OperationalError, lambda _: Unavailable("database")),
    (InterfaceError, lambda _: Unavailable("database")),
    (PoolTimeout, lambda _: Unavailable("database")),
)


def translate(error: Exception, request_id: str) -> GatewayError:
    """Return what a client is told about ``error``: the one place that knows foreign ones."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, RequestValidationError):
        return RequestInvalid(mistakes_in(error.errors()))
    if isinstance(error, HTTPException):
        return _from_framework(error, request_id)
    for kind, told in _FOREIGN:
        if isinstance(error, kind):
            return told(error)
    return InternalError(request_id)


def _from_framework(error: HTTPException, request_id: str) -> GatewayError:
    match error.status_code:
        case 400:
            return RequestInvalid([Mistake("body", str(error.detail))])
        case 404:
            return NotFound("such path")
        case 405:
            return MethodNotAllowed((error.headers or {}).get("Allow"))
    return InternalError(request_id)


def mistakes_in(errors: Sequence[Any]) -> list[Mistake]:
    """Return pydantic's errors as mistakes: paths as `spec.claude.model`, without `body`."""
    return [
        Mistake(field_path(error["loc"]), str(error["msg"]).removeprefix("Value error, "))
        for error in errors
    ] or [Mistake("body", "cannot be read")]


def field_path(location: Sequence[str | int]) -> str:
    """Return where a field stands: `a.b[0].c`; the body itself is `body`."""
    head, *rest = location or ("body",)
    parts = rest if head in {"body", "path", "query", "header", "cookie"} else [head, *rest]
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text or str(head)


def error_response(error: GatewayError) -> JSONResponse:
    """Return the answer that tells a client about ``error``."""
    body: dict[str, Any] = {"error": error.message, "code": error.code}
    if error.details is not None:
        body["details"] = error.details
    return JSONResponse(body, status_code=error.status, headers=dict(error.headers))


class ErrorBody(WireModel):
    """Every error's shape."""

    # An error without details has no such field, so its description must not require it.
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    error: str
    code: str
    details: Any = None


_MEANING = {
    400: "VALIDATION_ERROR: details list the fields",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND: there is none, or it is another's",
    409: "CONFLICT or SESSION_NOT_READY",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_TYPE",
    429: "RATE_LIMITED: details have limit, window and retryAfter in seconds",
    503: "BACKEND_UNAVAILABLE: try again shortly",
}


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what an operation's description says of the errors it answers with."""
    return {status: {"model": ErrorBody, "description": _MEANING[status]} for status in statuses}
