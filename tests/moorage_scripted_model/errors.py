"""Errors as the Messages API words them.

ScriptedModelError
├── InvalidScriptError    400  the prompt holds a script that cannot be read or found
├── InvalidRequestError   400  the request is no Messages request
└── ScriptedFailureError  any  the script asks for this failure
"""

from starlette.responses import JSONResponse

from moorage_scripted_model.identifiers import new_id
from moorage_scripted_model.steps import Fail

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MESSAGES = {
    401: "invalid x-api-key",
    429: "This request would exceed your rate limit.",
    529: "Overloaded",
}


def error_type(status: int) -> str:
    """Give Anthropic's name for a status."""
    return _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def error_body(status: int, message: str | None = None) -> dict[str, object]:
    """Give the body of an error; without a message, the API's usual one."""
    text = message or _MESSAGES.get(status, "Internal server error" if status >= 500 else "Invalid")
    return {"type": "error", "error": {"type": error_type(status), "message": text}}


class ScriptedModelError(Exception):
    """Base of everything that ends a request with an error status."""

    status = 500
    retry_after: int | None = None

    def response(self) -> JSONResponse:
        """Give the HTTP response."""
        request_id = new_id("req")
        headers = {"request-id": request_id}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        body = {**error_body(self.status, str(self) or None), "request_id": request_id}
        return JSONResponse(body, self.status, headers=headers)


class InvalidScriptError(ScriptedModelError):
    """A prompt holds a script that cannot be read."""

    status = 400

    def __init__(self, reason: str) -> None:
        super().__init__(f"invalid script: {reason}")


class InvalidRequestError(ScriptedModelError):
    """The request is no Messages request."""

    status = 400

    def __init__(self, reason: str) -> None:
        super().__init__(f"invalid request: {reason}")


class ScriptedFailureError(ScriptedModelError):
    """The script asks for this failure."""

    def __init__(self, fail: Fail) -> None:
        super().__init__(fail.message or "")
        self.status = fail.status
        self.retry_after = fail.retry_after
