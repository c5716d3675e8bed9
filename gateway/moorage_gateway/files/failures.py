"""From a runner's failure to an error. Its message is untrusted text and shortened."""

from moorage_api.rpc import MAX_FILE_BYTES, Failure, FailureCode
from moorage_gateway.errors import (
    FileConflict,
    Forbidden,
    GatewayError,
    Mistake,
    NotFound,
    RequestInvalid,
    SessionNotReady,
    TooLarge,
    Unavailable,
    UnsupportedType,
)

_LONGEST = 500


def error_for(failure: Failure, session_id: str, phase: str, path: str) -> GatewayError:
    """Return what a client is told about ``failure``."""
    message = failure.message[:_LONGEST]
    errors: dict[FailureCode, GatewayError] = {
        "NOT_FOUND": NotFound("file", path),
        "FORBIDDEN": Forbidden(message),
        "UNSUPPORTED": UnsupportedType(path.rpartition("/")[2]),
        "CONFLICT": FileConflict(message),
        "NO_SPACE": FileConflict(message),
        "TOO_LARGE": TooLarge("the file", MAX_FILE_BYTES),
        "INVALID": RequestInvalid([Mistake("path", message)]),
        "NOT_READY": SessionNotReady(session_id, phase),
        "FAILED": Unavailable("the session's workspace"),
    }
    return errors[failure.code]
