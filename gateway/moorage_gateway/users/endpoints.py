"""/admin/users: who has an account. For admins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, status

from moorage_gateway.auth.principal import AdminDep
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import LoginsOff, error_responses
from moorage_gateway.limits.route import CountedRoute
from moorage_gateway.users.schemas import CreateUser, ManagedUser, PatchUser, UserPage, UserQuery
from moorage_gateway.users.service import UserService

router = APIRouter(prefix="/admin/users", tags=["admin"], route_class=CountedRoute)

UserId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]+$")]


async def user_service(context: ContextDep, admin: AdminDep) -> UserService:
    """Return the service for one request."""
    del admin
    if context.logins is None:
        raise LoginsOff
    return UserService(context, context.logins)


Users = Annotated[UserService, Depends(user_service)]


@router.get("", responses=error_responses(400, 403, 503))
async def list_users(query: Annotated[UserQuery, Query()], users: Users) -> UserPage:
    """Return users, the newest first. For admins."""
    return await users.find(query)


@router.post("", status_code=status.HTTP_201_CREATED, responses=error_responses(400, 403, 409, 503))
async def create_user(request: CreateUser, users: Users) -> ManagedUser:
    """Make an account, also where registration is closed. For admins."""
    return await users.create(request)


@router.get("/{user_id}", responses=error_responses(400, 403, 404, 503))
async def get_user(user_id: UserId, users: Users) -> ManagedUser:
    """Return a user. For admins."""
    return await users.get(user_id)


@router.patch("/{user_id}", responses=error_responses(400, 403, 404, 409, 503))
async def change_user(user_id: UserId, request: PatchUser, users: Users) -> ManagedUser:
    """Change a user's role, or disable or enable them. For admins.

    Whoever is disabled is signed out everywhere, and their sessions are suspended. The last admin
    who may come in stays one.
    """
    return await users.change(user_id, request)
