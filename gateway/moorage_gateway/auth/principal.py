"""Who asks. With MOORAGE_AUTH=none that is always the one user of this machine."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import Depends
from starlette.requests import HTTPConnection
from starlette.types import Scope

from moorage_gateway.errors import Forbidden, Unauthorized

Role = Literal["user", "admin"]
Credential = Literal["none", "sign_in", "api_key", "oidc"]
_KEY: Final = "principal"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user as the rest of the gateway knows them, and what they showed."""

    user_id: str
    role: Role
    credential: Credential = "none"
    credential_id: str = ""
    """The sign-in or the API key."""
    expires_at: datetime | None = None
    """When what they showed is worth nothing any more, where that is known."""
    groups: frozenset[str] = frozenset()
    """What a provider says they belong to: in this token or, for an API key, in their last one."""

    @property
    def is_admin(self) -> bool:
        """Whether they see every session."""
        return self.role == "admin"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a provider's token speaks of."""

    issuer: str
    subject: str
    email: str | None
    name: str | None
    role: Role | None
    """None: none of their groups may come in."""
    groups: frozenset[str]
    expires_at: datetime


LOCAL: Final = Principal("local", "admin")
"""The one user where nobody logs in."""


def remember(scope: Scope, principal: Principal) -> None:
    """Note who sent this request."""
    scope.setdefault("state", {})[_KEY] = principal


def principal_of(scope: Scope) -> Principal | None:
    """Return who sent this request; None where nobody was asked."""
    principal: Principal | None = scope.get("state", {}).get(_KEY)
    return principal


async def current_principal(connection: HTTPConnection) -> Principal:
    """Return who asks, by whatever they showed.

    A coroutine, though it waits for nothing: FastAPI gives plain functions to a thread.

    Raises:
        Unauthorized: if nobody was found out to.
    """
    principal = principal_of(connection.scope)
    if principal is None:
        raise Unauthorized
    return principal


PrincipalDep = Annotated[Principal, Depends(current_principal)]


async def current_person(principal: PrincipalDep) -> Principal:
    """Return who asks, if they logged in: what a script's key must not do.

    Raises:
        Forbidden: to API keys.
    """
    if principal.credential == "api_key":
        raise Forbidden("API keys may not do this: log in")
    return principal


PersonDep = Annotated[Principal, Depends(current_person)]


async def current_admin(principal: PrincipalDep) -> Principal:
    """Return who asks, if they are an admin.

    Raises:
        Forbidden: to all others.
    """
    if not principal.is_admin:
        raise Forbidden("this is for admins")
    return principal


AdminDep = Annotated[Principal, Depends(current_admin)]


async def anyone() -> None:
    """Let everybody in: the dependency of routes that need no login."""
