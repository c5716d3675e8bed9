"""/api/auth: registration, login, refresh, logout, me."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response, status

from moorage_gateway.accounts.schemas import (
    Login,
    Logout,
    PatchMe,
    Refresh,
    Register,
    SignedIn,
    UserView,
)
from moorage_gateway.accounts.service import AccountService
from moorage_gateway.auth.principal import PersonDep, PrincipalDep, anyone
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import error_responses
from moorage_gateway.limits.route import CountedRoute
from moorage_gateway.sessions.schemas import Done


async def not_stored(response: Response) -> None:
    """Have nobody on the way keep an answer that holds tokens (RFC 6749, section 5.1)."""
    response.headers["Cache-Control"] = "no-store"


open_router = APIRouter(
    tags=["auth"],
    dependencies=[Depends(anyone), Depends(not_stored)],
    route_class=CountedRoute,
)
"""What needs no login; each route is limited per address."""
router = APIRouter(prefix="/me", tags=["auth"], route_class=CountedRoute)


async def account_service(context: ContextDep) -> AccountService:
    """Return the service for one request."""
    return AccountService(context)


Accounts = Annotated[AccountService, Depends(account_service)]


@open_router.post(
    "/register",
    status_code=status.HTTP_201_CREATED,
    responses=error_responses(400, 403, 409, 429, 503),
)
async def register(request: Register, accounts: Accounts) -> SignedIn:
    """Make an account, and log in."""
    return await accounts.register(request)


@open_router.post(
    "/login",
    responses=error_responses(400, 401, 403, 429, 503),
)
async def login(request: Login, accounts: Accounts) -> SignedIn:
    """Log in. What is wrong with a refused login is not told."""
    return await accounts.login(request)


@open_router.post(
    "/refresh",
    responses=error_responses(400, 401, 403, 429, 503),
)
async def refresh(request: Refresh, accounts: Accounts) -> SignedIn:
    """Exchange a refresh token for a new pair. One that comes again ends the whole sign-in."""
    return await accounts.sign_ins.refresh(request.refresh_token.get_secret_value())


@open_router.post(
    "/logout",
    responses=error_responses(400, 401, 403, 429, 503),
)
async def logout(
    accounts: Accounts,
    request: Logout | None = None,
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Done:
    """End a sign-in: that of the refresh token given or, without one, the request's own.

    So it also works when the access token has expired. With `everywhere` all of the user's end.
    """
    await accounts.logout(request or Logout(), authorization)
    return Done()


@router.get("", responses=error_responses(503))
async def me(principal: PrincipalDep, accounts: Accounts) -> UserView:
    """Return who asks."""
    return await accounts.me(principal)


@router.patch("", responses=error_responses(400, 403, 503))
async def change_me(principal: PersonDep, request: PatchMe, accounts: Accounts) -> UserView:
    """Change one's name or password. A new password ends all other sign-ins."""
    return await accounts.change(principal, request)
