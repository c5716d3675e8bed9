"""The rows of users, sign-ins and refresh tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.auth.principal import Role
from moorage_gateway.db.statements import insert_once
from moorage_gateway.db.tables import refresh_tokens, sign_ins, users
from moorage_gateway.requests import random_id

LOCAL_ISSUER: Final = "local"
_ENABLED: Final = users.c.disabled_at.is_(None)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user's row."""

    id: str
    issuer: str
    subject: str
    email: str | None
    name: str | None
    role: Role
    password_hash: str | None
    created_at: datetime
    updated_at: datetime
    disabled_at: datetime | None = None
    groups: list[str] | None = None
    groups_at: datetime | None = None


def local_user(
    address: str, name: str | None, role: Role, password_hash: str, moment: datetime
) -> UserRow:
    """Return the row of a new user who logs in here."""
    return UserRow(
        id=random_id(),
        issuer=LOCAL_ISSUER,
        subject=address,
        email=address,
        name=name,
        role=role,
        password_hash=password_hash,
        created_at=moment,
        updated_at=moment,
    )


class AccountRepository:
    """Reads and writes rows on one connection; the caller commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, user: UserRow) -> bool:
        """Insert a user unless there is one of this name; returns whether it was inserted."""
        values = {name: getattr(user, name) for name in UserRow.__slots__}
        return await insert_once(self._connection, users, values, key=("issuer", "subject"))

    async def user(self, user_id: str) -> UserRow | None:
        """Return a user by id."""
        return await self._user(users.c.id == user_id)

    async def by_address(self, address: str) -> UserRow | None:
        """Return the user who logs in here with this address."""
        return await self._user(and_(users.c.issuer == LOCAL_ISSUER, users.c.subject == address))

    async def change(self, user_id: str, **values: Any) -> None:
        """Set columns of a user."""
        await self._connection.execute(update(users).where(users.c.id == user_id).values(**values))

    async def replace_hash(self, user_id: str, old: str, new: str) -> None:
        """Store the same password's better hash, unless the password was changed meanwhile."""
        await self._connection.execute(
            update(users)
            .where(users.c.id == user_id, users.c.password_hash == old)
            .values(password_hash=new)
        )

    async def open_sign_in(
        self, sign_in_id: str, user_id: str, now: datetime, until: datetime
    ) -> None:
        """Begin a sign-in, which has no token yet."""
        await self._connection.execute(
            insert(sign_ins).values(
                id=sign_in_id, user_id=user_id, created_at=now, refreshed_at=now, expires_at=until
            )
        )

    async def add_token(self, digest: str, sign_in_id: str, now: datetime) -> None:
        """Give a sign-in a refresh token."""
        await self._connection.execute(
            insert(refresh_tokens).values(digest=digest, sign_in_id=sign_in_id, created_at=now)
        )

    async def use_token(self, digest: str, now: datetime) -> bool:
        """Use a refresh token up. Of several at once, on whatever replicas, one gets True."""
        used = await self._connection.execute(
            update(refresh_tokens)
            .where(refresh_tokens.c.digest == digest, refresh_tokens.c.used_at.is_(None))
            .values(used_at=now)
        )
        return bool(used.rowcount)

    async def sign_in_of(self, digest: str) -> str | None:
        """Return the sign-in that a refresh token, used or not, belongs to."""
        return await self._connection.scalar(
            select(refresh_tokens.c.sign_in_id).where(refresh_tokens.c.digest == digest)
        )

    async def user_of(self, sign_in_id: str) -> UserRow | None:
        """Return the user whose sign-in this is."""
        return await self._user(
            users.c.id
            == select(sign_ins.c.user_id).where(sign_ins.c.id == sign_in_id).scalar_subquery()
        )

    async def extend(self, sign_in_id: str, now: datetime, until: datetime) -> bool:
        """Have a sign-in last until ``until``; False if it has ended, or its user is disabled."""
        holder = exists().where(users.c.id == sign_ins.c.user_id, _ENABLED)
        extended = await self._connection.execute(
            update(sign_ins)
            .where(
                sign_ins.c.id == sign_in_id,
                sign_ins.c.revoked_at.is_(None),
                sign_ins.c.expires_at > now,
                holder,
            )
            .values(refreshed_at=now, expires_at=until)
        )
        return bool(extended.rowcount)

    async def revoke(self, sign_in_id: str, because: str, now: datetime) -> bool:
        """End a sign-in with all its tokens; returns whether it stood."""
        revoked = await self._connection.execute(
            update(sign_ins)
            .where(sign_ins.c.id == sign_in_id, sign_ins.c.revoked_at.is_(None))
            .values(revoked_at=now, revoked_because=because)
        )
        return bool(revoked.rowcount)

    async def revoke_all(
        self, user_id: str, because: str, now: datetime, *, but: str | None = None
    ) -> int:
        """End the user's sign-ins (but one); returns how many stood."""
        statement = (
            update(sign_ins)
            .where(sign_ins.c.user_id == user_id, sign_ins.c.revoked_at.is_(None))
            .values(revoked_at=now, revoked_because=because)
        )
        if but is not None:
            statement = statement.where(sign_ins.c.id != but)
        return (await self._connection.execute(statement)).rowcount

    async def _user(self, which: Any) -> UserRow | None:
        row = (await self._connection.execute(select(users).where(which))).mappings().first()
        return None if row is None else UserRow(**row)
