"""What admins do with users."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.accounts.repository import (
    LOCAL_ISSUER,
    AccountRepository,
    UserRow,
    local_user,
)
from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record
from moorage_gateway.auth.logins import Logins
from moorage_gateway.backends.interface import SessionMissing
from moorage_gateway.context import Context
from moorage_gateway.errors import AddressTaken, LastAdmin, NotFound, RoleProvided
from moorage_gateway.sessions import waking
from moorage_gateway.users.repository import UserRepository
from moorage_gateway.users.schemas import CreateUser, ManagedUser, PatchUser, UserPage, UserQuery


@dataclass(frozen=True, slots=True)
class UserService:
    """Users, for an admin."""

    context: Context
    logins: Logins

    async def find(self, query: UserQuery) -> UserPage:
        """Return the users that ``query`` asks for."""
        async with self.context.engine.connect() as connection:
            rows, total = await UserRepository(connection).page(query)
        return UserPage(users=[_view(row) for row in rows], **query.of(total))

    async def get(self, user_id: str) -> ManagedUser:
        """Return a user."""
        async with self.context.engine.connect() as connection:
            return _view(await _user(connection, user_id))

    async def create(self, request: CreateUser) -> ManagedUser:
        """Make an account.

        Raises:
            AddressTaken: if there is an account with this address.
        """
        moment = self.context.clock()
        hashed = await self.logins.passwords.hash(request.password.get_secret_value())
        user = local_user(request.email, request.name, request.role, hashed, moment)
        act = Act(Action.USER_CREATE, user.id, details={"role": user.role})
        async with self.context.engine.begin() as connection:
            if not await AccountRepository(connection).add(user):
                raise AddressTaken
            await record(connection, moment, act)
        return _view(user)

    async def change(self, user_id: str, request: PatchUser) -> ManagedUser:
        """Change a user's role, or whether they may come in.

        Whoever is disabled is signed out first, then their sessions are suspended: where that
        fails (503) they are out already, and the same request again suspends what is left.

        Raises:
            LastAdmin: if nobody would be left to manage anything.
            RoleProvided: if the role is an identity provider's to say.
        """
        async with self.context.engine.begin() as connection:
            user = await self._write(connection, user_id, request)
        self.logins.authenticator.forget(user_id)
        if request.disabled:
            await self._suspend_sessions(user_id)
        return _view(user)

    async def _write(
        self, connection: AsyncConnection, user_id: str, request: PatchUser
    ) -> UserRow:
        moment, accounts = self.context.clock(), AccountRepository(connection)
        admins = await UserRepository(connection).lock_admins()
        user = await _user(connection, user_id)
        values = _changes(user, request, moment)
        leaves = values.get("role") == "user" or values.get("disabled_at") is not None
        if leaves and admins == {user_id}:
            raise LastAdmin
        if values:
            await accounts.change(user_id, updated_at=moment, **values)
            for act in _acts(user_id, values):
                await record(connection, moment, act)
        if request.disabled:
            await accounts.revoke_all(user_id, "disabled", moment)
        return await _user(connection, user_id)

    async def _suspend_sessions(self, user_id: str) -> None:
        for session in self.context.backend.list():
            of_theirs = session.spec.owner == user_id and not session.status.phase.finished
            if of_theirs and not session.spec.suspend:
                try:
                    await waking.suspend(self.context, session)
                except SessionMissing:
                    continue  # deleted meanwhile


def _changes(user: UserRow, request: PatchUser, moment: datetime) -> dict[str, Any]:
    """Return the columns that change."""
    values: dict[str, Any] = {}
    if request.role is not None and request.role != user.role:
        if user.issuer != LOCAL_ISSUER:
            raise RoleProvided(user.issuer)
        values["role"] = request.role
    if request.disabled is not None and request.disabled != (user.disabled_at is not None):
        values["disabled_at"] = moment if request.disabled else None
    return values


def _acts(user_id: str, values: dict[str, Any]) -> Iterator[Act]:
    if "role" in values:
        yield Act(Action.USER_ROLE, user_id, details={"role": values["role"]})
    if "disabled_at" in values:
        disabled = values["disabled_at"] is not None
        yield Act(Action.USER_DISABLE if disabled else Action.USER_ENABLE, user_id)


async def _user(connection: AsyncConnection, user_id: str) -> UserRow:
    user = await AccountRepository(connection).user(user_id)
    if user is None:
        raise NotFound("user", user_id)
    return user


def _view(user: UserRow) -> ManagedUser:
    return ManagedUser(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        provider=None if user.issuer == LOCAL_ISSUER else user.issuer,
        groups=user.groups or [],
        groups_at=user.groups_at,
        disabled_at=user.disabled_at,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )
