"""The rows of users, as admins list them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.accounts.repository import UserRow
from moorage_gateway.db.tables import users
from moorage_gateway.users.schemas import UserQuery


class UserRepository:
    """Reads rows on one connection; the caller ends the transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def page(self, query: UserQuery) -> tuple[Sequence[UserRow], int]:
        """Return the users that ``query`` asks for, the newest first, and how many there are."""
        which = _which(query)
        rows = (
            select(users)
            .where(*which)
            .order_by(users.c.created_at.desc(), users.c.id)
            .limit(query.limit)
            .offset(query.offset)
        )
        count = select(func.count()).select_from(users).where(*which)
        found = (await self._connection.execute(rows)).mappings()
        return [UserRow(**row) for row in found], await self._connection.scalar(count) or 0

    async def lock_admins(self) -> frozenset[str]:
        """Return who are admins that may come in, and let nobody change them until the commit."""
        unchanged = (
            update(users)
            .where(users.c.role == "admin", users.c.disabled_at.is_(None))
            .values(role="admin")
            .returning(users.c.id)
        )
        return frozenset((await self._connection.scalars(unchanged)).all())


def _which(query: UserQuery) -> list[ColumnElement[bool]]:
    which: list[ColumnElement[bool]] = []
    if query.q:
        which.append(
            or_(
                users.c.email.icontains(query.q, autoescape=True),
                users.c.name.icontains(query.q, autoescape=True),
            )
        )
    if query.role is not None:
        which.append(users.c.role == query.role)
    if query.state is not None:
        disabled = users.c.disabled_at.is_not(None)
        which.append(disabled if query.state == "disabled" else ~disabled)
    return which
