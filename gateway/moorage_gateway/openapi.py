"""Completes FastAPI's description of the API with what holds for every operation.

Errors with an example each, 304 where answers have a tag, the headers of all answers, examples of
the bodies in `openapi_examples`. docs/openapi.json is generated from it; the TypeScript client and
the tests of the contract stand on that file.
"""

from typing import Any, Final

from fastapi.routing import APIRoute

from moorage_gateway.openapi_examples import BODIES, ERRORS

_SCHEMA: Final = "#/components/schemas/"
_ERROR: Final = {"$ref": f"{_SCHEMA}ErrorBody"}
_JSON: Final = "application/json"
_EVERYWHERE: Final = {
    "403": "FORBIDDEN: by the Host header another machine's, or sent by a page of another site",
    "500": "INTERNAL_ERROR: the log has it under the request id; never a trace",
    "503": "BACKEND_UNAVAILABLE: try again shortly",
}
_WITH_BODY: Final = {
    "400": "VALIDATION_ERROR: details list the fields",
    "408": "REQUEST_TIMEOUT: the body did not arrive in time",
    "413": "PAYLOAD_TOO_LARGE",
}
_HEADERS: Final = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in (
        ("ETag", "Ask again with it as If-None-Match, and be answered 304 if nothing changed."),
        ("RequestId", "The request's id: as it was sent, or made here. The log has it."),
        ("RetryAfter", "Seconds to wait."),
    )
}


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation, as clients call it: createSession."""
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def complete(description: dict[str, Any]) -> None:
    """Complete a description in place."""
    components = description["components"]
    schemas = components["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for name, example in BODIES.items():
        if name in schemas:
            schemas[name]["examples"] = [example]
    components["headers"] = dict(_HEADERS)
    errors: dict[str, Any] = components.setdefault("responses", {})
    for path in description["paths"].values():
        for method, operation in path.items():
            _complete(method, operation, errors)


def _complete(method: str, operation: dict[str, Any], errors: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)  # bad requests are told with 400 here
    wanted = _EVERYWHERE | (_WITH_BODY if "requestBody" in operation else {})
    for status, meaning in wanted.items():
        responses.setdefault(status, _error_response(meaning))
    if method == "get" and _JSON in responses.get("200", {}).get("content", {}):
        responses["200"]["headers"] = {"ETag": _header("ETag")}
        responses["304"] = {"description": "Not changed since the answer with the ETag asked for"}
    for status, response in responses.items():
        response.setdefault("headers", {})["X-Request-ID"] = _header("RequestId")
        if response.get("content", {}).get(_JSON, {}).get("schema") == _ERROR:
            responses[status] = _shared(status, response, errors)
    operation["responses"] = dict(sorted(responses.items()))


def _shared(status: str, response: dict[str, Any], errors: dict[str, Any]) -> dict[str, Any]:
    """Return a reference to an error's answer, which is described once for all operations."""
    name = f"Error{status}"
    if name not in errors:
        response["content"][_JSON]["example"] = ERRORS[status]
        if status == "429":
            response["headers"]["Retry-After"] = _header("RetryAfter")
        errors[name] = response
    return {"$ref": f"#/components/responses/{name}"}


def _error_response(meaning: str) -> dict[str, Any]:
    return {"description": meaning, "content": {_JSON: {"schema": dict(_ERROR)}}}


def _header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}
