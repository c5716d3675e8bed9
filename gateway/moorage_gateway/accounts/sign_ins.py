"""Sign-ins: one for each login, with a chain of refresh tokens of which one is good at a time.

Who uses a token that was used before holds a stolen one, or the rightful owner does after a thief:
which of the two cannot be told, so the whole sign-in ends (RFC 9700, section 4.14.2). That is
decided by one conditional update in the database, so it is exact for any number of replicas.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.accounts.repository import AccountRepository, UserRow
from moorage_gateway.accounts.schemas import SignedIn, UserView
from moorage_gateway.audit.acts import Act, Action, Outcome
from moorage_gateway.audit.caller import present
from moorage_gateway.audit.record import record
from moorage_gateway.auth import access_tokens
from moorage_gateway.auth.keys import SigningKey
from moorage_gateway.auth.logins import Logins
from moorage_gateway.auth.tokens import REFRESH_TOKEN, digest_of, new_token
from moorage_gateway.context import AccountContext
from moorage_gateway.errors import RefreshRefused
from moorage_gateway.requests import random_id


@dataclass(frozen=True, slots=True)
class SignIns:
    """Begins, goes on with and ends sign-ins."""

    context: AccountContext
    logins: Logins

    async def open(self, user: UserRow) -> SignedIn:
        """Begin a sign-in."""
        now, sign_in_id, token = self.context.clock(), random_id(), new_token(REFRESH_TOKEN)
        key = await self.logins.keys.current(now)
        async with self.context.engine.begin() as connection:
            repository = AccountRepository(connection)
            await repository.open_sign_in(sign_in_id, user.id, now, self._until(now))
            await repository.add_token(digest_of(token), sign_in_id, now)
            caller = present.get().known_as(user.id, "password")
            await record(connection, now, Act(Action.USER_LOGIN, user.id), caller)
        return self._signed_in(user, sign_in_id, token, key)

    async def refresh(self, used: str) -> SignedIn:
        """Return a new pair of tokens for a refresh token, which is used up by it.

        Raises:
            RefreshRefused: if it is not good; if it was once, the sign-in has now ended.
        """
        now, token = self.context.clock(), new_token(REFRESH_TOKEN)
        key = await self.logins.keys.current(now)
        async with self.context.engine.begin() as connection:
            found = await self._exchange(AccountRepository(connection), used, token, now)
            if found is not None and found.is_reuse:
                caller = present.get().known_as(found.user.id, "refresh_token")
                act = Act(Action.TOKEN_REUSE, found.sign_in_id, Outcome.REFUSED)
                await record(connection, now, act, caller)
        if found is None:
            raise RefreshRefused
        if found.is_reuse:
            self.logins.authenticator.forget(found.user.id)
            raise RefreshRefused
        return self._signed_in(found.user, found.sign_in_id, token, key)

    async def _exchange(
        self, repository: AccountRepository, used: str, token: str, now: datetime
    ) -> "_Exchange | None":
        """Use one token up for another; None if it is of no sign-in that stands."""
        digest = digest_of(used)
        first = await repository.use_token(digest, now)
        sign_in_id = await repository.sign_in_of(digest)
        user = None if sign_in_id is None else await repository.user_of(sign_in_id)
        if sign_in_id is None or user is None:
            return None
        if not first:
            await repository.revoke(sign_in_id, "reused", now)
            return _Exchange(user, sign_in_id, is_reuse=True)
        if not await repository.extend(sign_in_id, now, self._until(now)):
            return None
        await repository.add_token(digest_of(token), sign_in_id, now)
        return _Exchange(user, sign_in_id, is_reuse=False)

    async def end(self, user_id: str, sign_in_id: str) -> None:
        """End a sign-in."""
        moment = self.context.clock()
        async with self.context.engine.begin() as connection:
            if await AccountRepository(connection).revoke(sign_in_id, "logout", moment):
                await self._record_logout(connection, user_id, everywhere=False)
        self.logins.authenticator.forget(user_id)

    async def end_all(self, user_id: str) -> None:
        """End all of a user's sign-ins."""
        async with self.context.engine.begin() as connection:
            repository = AccountRepository(connection)
            if await repository.revoke_all(user_id, "everywhere", self.context.clock()):
                await self._record_logout(connection, user_id, everywhere=True)
        self.logins.authenticator.forget(user_id)

    async def _record_logout(
        self, connection: AsyncConnection, user_id: str, *, everywhere: bool
    ) -> None:
        caller = present.get()
        if caller.actor_id is None:
            caller = caller.known_as(user_id, "refresh_token")
        act = Act(Action.USER_LOGOUT, user_id, details={"everywhere": everywhere})
        await record(connection, self.context.clock(), act, caller)

    async def find(self, refresh_token: str) -> tuple[str, str] | None:
        """Return user and sign-in that a refresh token, used or not, belongs to."""
        async with self.context.engine.connect() as connection:
            repository = AccountRepository(connection)
            sign_in_id = await repository.sign_in_of(digest_of(refresh_token))
            user = None if sign_in_id is None else await repository.user_of(sign_in_id)
        return None if user is None or sign_in_id is None else (user.id, sign_in_id)

    def _until(self, now: datetime) -> datetime:
        return now + timedelta(days=self.logins.settings.refresh_days)

    def _signed_in(
        self, user: UserRow, sign_in_id: str, refresh_token: str, key: SigningKey
    ) -> SignedIn:
        now, life = self.context.clock(), timedelta(minutes=self.logins.settings.access_minutes)
        return SignedIn(
            access_token=access_tokens.sign(user.id, sign_in_id, key, now, life),
            refresh_token=refresh_token,
            expires_in=int(life.total_seconds()),
            user=view(user),
        )


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What became of a refresh token."""

    user: UserRow
    sign_in_id: str
    is_reuse: bool


def view(user: UserRow) -> UserView:
    """Return a user as clients see them."""
    return UserView(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )
