"""The errors' one tree: each with a code and status of the documented ones, each mapped."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

import moorage_gateway
from moorage_gateway import errors
from moorage_gateway.backends import interface
from moorage_gateway.errors import GatewayError, InternalError, Mistake, field_path, translate

DOCUMENTED = {
    ("VALIDATION_ERROR", 400),
    ("UNAUTHORIZED", 401),
    ("BUDGET_EXCEEDED", 402),
    ("FORBIDDEN", 403),
    ("NOT_FOUND", 404),
    ("METHOD_NOT_ALLOWED", 405),
    ("CONFLICT", 409),
    ("SESSION_NOT_READY", 409),
    ("REQUEST_TIMEOUT", 408),
    ("PAYLOAD_TOO_LARGE", 413),
    ("UNSUPPORTED_TYPE", 415),
    ("RATE_LIMITED", 429),
    ("INTERNAL_ERROR", 500),
    ("BACKEND_UNAVAILABLE", 503),
}
FACTS: dict[str, tuple[Any, ...]] = {
    "RequestInvalid": ([Mistake("a.b", "is wrong"), Mistake("c", "too")],),
    "Unauthorized": (),
    "LoginRefused": (),
    "RefreshRefused": (),
    "MembershipLapsed": (),
    "LoginsOff": (),
    "AddressTaken": (),
    "EnoughKeys": (50,),
    "BudgetSpent": ("id",),
    "Forbidden": ("no",),
    "HostRefused": ("example.com",),
    "OriginRefused": ("https://example.com",),
    "NotFound": ("session", "id"),
    "MethodNotAllowed": ("GET",),
    "Conflict": ("no",),
    "KeyReused": ("key",),
    "KeySpent": ("key", "session", "id"),
    "QuotaReached": ("sessionsRunning", 3, 3),
    "AlreadyDecided": ("id", {"decision": "allow"}),
    "AlreadyResolved": ("id", "expired"),
    "SessionFinished": ("id", "Failed"),
    "LastAdmin": (),
    "RoleProvided": ("https://id.example.com",),
    "NotRetryable": ("it is gone",),
    "FileConflict": ("there",),
    "SessionNotReady": ("id", "Suspended"),
    "TooSlow": (30.0,),
    "TooLarge": ("the body", 10),
    "UnsupportedType": ("a.exe",),
    "RateLimited": (10, 60, 5),
    "StreamsHeld": (100,),
    "Unavailable": ("redis",),
    "FilesBusy": ("the session", 4),
    "InternalError": ("request",),
}


def tree(kind: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    for child in kind.__subclasses__():
        yield child
        yield from tree(child)


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_documented_code_a_sentence_and_a_place_in_the_drawing(
    kind: type[GatewayError],
) -> None:
    error = kind(*FACTS[kind.__name__])
    assert (error.code, error.status) in DOCUMENTED
    assert error.message
    assert f"── {kind.__name__} " in f"{errors.__doc__} ".replace("\n", " \n")
    assert translate(error, "request") is error
    response = errors.error_response(error)
    assert response.status_code == error.status


def test_every_documented_code_is_some_errors() -> None:
    assert {(kind.code, kind.status) for kind in tree()} == DOCUMENTED


def own_errors() -> list[type[Exception]]:
    """Return every class of error that the backend's interface may raise."""
    return [
        kind
        for _, kind in inspect.getmembers(interface, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == interface.__name__
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestValidationError([]), "VALIDATION_ERROR"),
        (HTTPException(400), "VALIDATION_ERROR"),
        (HTTPException(404), "NOT_FOUND"),
        (HTTPException(405), "METHOD_NOT_ALLOWED"),
        (HTTPException(418), "INTERNAL_ERROR"),
        (RedisConnectionError(), "BACKEND_UNAVAILABLE"),
        (RedisTimeoutError(), "BACKEND_UNAVAILABLE"),
        (OperationalError("", None, Exception()), "BACKEND_UNAVAILABLE"),
        (ZeroDivisionError("secret"), "INTERNAL_ERROR"),
    ],
    ids=repr,
)
def test_foreign_errors_are_translated(error: Exception, code: str) -> None:
    told = translate(error, "request")
    assert told.code == code
    assert "secret" not in told.message


@pytest.mark.parametrize("kind", own_errors(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_backend_is_mapped(kind: type[Exception]) -> None:
    more = {"forbidden": True} if kind is interface.SessionRefused else {}
    assert not isinstance(translate(kind("id", **more), "request"), InternalError)


def test_no_error_is_made_outside_the_tree_but_where_it_is_caught() -> None:
    """Exceptions of the HTTP side are all in `errors`: another would be answered with 500."""
    features = (
        "accounts",
        "api_keys",
        "auth",
        "sessions",
        "messages",
        "approvals",
        "files",
        "health",
    )
    found = [
        f"{module.name}.{name}"
        for feature in features
        for module in pkgutil.walk_packages(
            [f"{moorage_gateway.__path__[0]}/{feature}"], f"moorage_gateway.{feature}."
        )
        for name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == module.name
    ]
    assert found == []


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (("body", "claude", "model"), "claude.model"),
        (("body", "metadata", "allowedTools", 3), "metadata.allowedTools[3]"),
        (("query", "limit"), "limit"),
        (("body",), "body"),
        (("header", "Idempotency-Key"), "Idempotency-Key"),
        (("spec", "prompt"), "spec.prompt"),
        ((), "body"),
    ],
)
def test_a_path_is_in_the_requests_terms(location: tuple[str | int, ...], path: str) -> None:
    assert field_path(location) == path
