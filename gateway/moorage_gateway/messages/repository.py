"""The messages' rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.db.statements import insert_all_once
from moorage_gateway.db.tables import messages


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message's row."""

    position: int
    id: str
    turn_id: str | None
    role: str
    content: str
    thinking: str | None
    tool_calls: list[dict[str, Any]] | None
    tool_results: list[dict[str, Any]] | None
    parent_tool_use_id: str | None
    claude_session_id: str | None
    created_at: datetime

    @property
    def begins_turn(self) -> bool:
        """Whether it is a message that a turn answers, or will."""
        return self.role == "user" and self.turn_id in {None, self.id}


_COLUMNS = [messages.c[name] for name in MessageRow.__slots__]
# Made once: to make a statement takes longer than to send it.
_OF_SESSION: Final = select(*_COLUMNS).where(messages.c.session_id == bindparam("session"))
_ONE: Final = _OF_SESSION.where(messages.c.id == bindparam("message"))
_ALL: Final = _OF_SESSION.order_by(messages.c.position)
_HEADS: Final = (
    _OF_SESSION.where(messages.c.role == "user")
    .where(messages.c.turn_id.is_(None) | (messages.c.turn_id == messages.c.id))
    .order_by(messages.c.position)
)
_CHILDREN: Final = (
    _OF_SESSION.where(messages.c.turn_id.in_(bindparam("turns", expanding=True)))
    .where(messages.c.id != messages.c.turn_id)
    .order_by(messages.c.position)
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message of the user's."""

    session_id: str
    id: str
    content: str
    claude_session_id: str | None
    created_at: datetime


class MessageRepository:
    """Reads and writes messages on one connection; the caller commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, *new_messages: NewMessage) -> None:
        """Insert messages in this order, but those whose ids are there already."""
        rows = [
            {name: getattr(new, name) for name in NewMessage.__slots__} | {"role": "user"}
            for new in new_messages
        ]
        await insert_all_once(self._connection, messages, rows, key=("session_id", "id"))

    async def get(self, session_id: str, message_id: str) -> MessageRow | None:
        """Return the message, if there is one."""
        found = await self._fetch(_ONE, session=session_id, message=message_id)
        return found[0] if found else None

    async def all(self, session_id: str) -> tuple[list[MessageRow], list[MessageRow]]:
        """Return the session's messages that begin a turn, and all others; both oldest first."""
        rows = await self._fetch(_ALL, session=session_id)
        heads = [row for row in rows if row.begins_turn]
        return heads, [row for row in rows if not row.begins_turn]

    async def heads(
        self, session_id: str, after: int | None, limit: int | None
    ) -> list[MessageRow]:
        """Return the messages that begin a turn, oldest first."""
        query = _HEADS if limit is None else _HEADS.limit(limit)
        if after is not None:
            query = query.where(messages.c.position > after)
        return await self._fetch(query, session=session_id)

    async def children(self, session_id: str, turn_ids: Sequence[str]) -> list[MessageRow]:
        """Return the messages that belong to these turns, oldest first."""
        if not turn_ids:
            return []
        return await self._fetch(_CHILDREN, session=session_id, turns=list(turn_ids))

    async def _fetch(self, query: Select[Any], **values: Any) -> list[MessageRow]:
        return [MessageRow(*row) for row in await self._connection.execute(query, values)]
