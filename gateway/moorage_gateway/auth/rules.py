"""Which callers a route lets in, read from its dependencies: the declaration is the check itself.

Every route has one of these rules. The gate lets callers without a token reach OPEN routes only, so
that a route without a rule is closed; the authorisation test refuses it.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from moorage_gateway.auth.access import session_in_path
from moorage_gateway.auth.principal import (
    anyone,
    current_admin,
    current_person,
    current_principal,
)


class Rule(IntEnum):
    """Who is let in; of several the highest counts."""

    OPEN = 0
    """Everybody."""
    SIGNED_IN = 1
    """Whoever shows a token or an API key; they see what is theirs."""
    PERSON = 2
    """Whoever logged in: no API key."""
    OWNER = 3
    """The owner of the session in the path, and admins; for others there is no such session."""
    ADMIN = 4
    """Admins."""


_RULES: Final[dict[Callable[..., Any], Rule]] = {
    anyone: Rule.OPEN,
    current_principal: Rule.SIGNED_IN,
    current_person: Rule.PERSON,
    session_in_path: Rule.OWNER,
    current_admin: Rule.ADMIN,
}


_SCHEME: Final = "bearer"


def rule_of(route: RouteContext) -> Rule | None:
    """Return the rule of a route, or None if it has none."""
    if not isinstance(route.original_route, APIRoute):
        return None
    found = [_RULES[call] for call in _calls(route.dependant) if call in _RULES]
    return max(found, default=None)


def open_routes(app: FastAPI) -> frozenset[tuple[str, str]]:
    """Return method and path of what needs no login, the API's description among it."""
    found = {
        (method, route.path or "")
        for route in iter_route_contexts(app.routes)
        if rule_of(route) is Rule.OPEN
        for method in route.methods or ()
    }
    return frozenset(found | {("GET", app.openapi_url or "")})


def describe_rules(app: FastAPI, description: dict[str, Any]) -> None:
    """Say in the API's description which operations need a token."""
    schemes = description["components"].setdefault("securitySchemes", {})
    schemes[_SCHEME] = {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token from /api/auth, an API key (mk_...), or a token of the "
        "configured OpenID Connect provider. Not needed with MOORAGE_AUTH=none.",
    }
    for route in iter_route_contexts(app.routes):
        rule = rule_of(route)
        operations = description["paths"].get(route.path_format, {})
        for method in route.methods or ():
            operation = operations.get(method.lower())
            if operation is not None:
                operation["security"] = [] if rule is Rule.OPEN else [{_SCHEME: []}]


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for dependency in dependant.dependencies:
        if dependency.call is not None:
            yield dependency.call
        yield from _calls(dependency)
