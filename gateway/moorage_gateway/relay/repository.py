"""The outbox's rows, as the relay sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Integer, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.db.tables import inputs

# Made once: to make a statement takes longer than to send it.
_WAITING: Final = (
    select(inputs.c.sequence, inputs.c.session_id, inputs.c.id, inputs.c.body, inputs.c.sent_at)
    .where(
        inputs.c.session_id.in_(bindparam("sessions", expanding=True)),
        inputs.c.done_at.is_(None),
        inputs.c.sequence > bindparam("above"),
    )
    .order_by(inputs.c.sequence)
    .limit(bindparam("at_most", type_=Integer))
)
_UNSENT: Final = _WAITING.where(inputs.c.sent_at.is_(None))
_LASTING: Final = ('"type":"prompt"', '"type":"decision"')


@dataclass(frozen=True, slots=True)
class Waiting:
    """An input that no runner has taken yet, as far as is known."""

    sequence: int
    session_id: str
    id: str
    body: str
    sent: bool

    @property
    def lasting(self) -> bool:
        """Whether it stays due until a runner took it; an interrupt is over once it was sent."""
        return any(mark in self.body for mark in _LASTING)


async def sessions_waiting(connection: AsyncConnection) -> list[str]:
    """Return the sessions with inputs that are not done."""
    query = select(inputs.c.session_id).where(inputs.c.done_at.is_(None)).distinct()
    return list((await connection.scalars(query)).all())


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much waits, for all replicas."""

    unsent: int
    untaken: int
    """Sent to a session's inbox, and not taken by its runner yet."""
    oldest_unsent: datetime | None

    def age_seconds(self, moment: datetime) -> float:
        """Return how long the oldest input has not been sent; 0 if there is none."""
        if self.oldest_unsent is None:
            return 0.0
        return max((moment - self.oldest_unsent).total_seconds(), 0.0)


async def queue_depth(connection: AsyncConnection) -> QueueDepth:
    """Return how much waits in the outbox."""
    unsent = inputs.c.sent_at.is_(None)
    query = select(
        func.count().filter(unsent),
        func.count().filter(~unsent),
        func.min(inputs.c.created_at).filter(unsent),
    ).where(inputs.c.done_at.is_(None))
    return QueueDepth(*(await connection.execute(query)).one())


async def waiting_inputs(
    connection: AsyncConnection,
    session_ids: Sequence[str],
    *,
    above: int,
    limit: int,
    unsent_only: bool,
) -> list[Waiting]:
    """Return the next inputs of sessions that are not done, in their order."""
    found = await connection.execute(
        _UNSENT if unsent_only else _WAITING,
        {"sessions": session_ids, "above": above, "at_most": limit},
    )
    return [
        Waiting(row.sequence, row.session_id, row.id, row.body, row.sent_at is not None)
        for row in found
    ]


async def mark_sent(connection: AsyncConnection, rows: Sequence[Waiting], moment: datetime) -> None:
    """Note that the rows are in the inbox; those that are over with that are done."""
    statement = (
        update(inputs)
        .where(inputs.c.sequence == bindparam("row"))
        .values(sent_at=moment, done_at=func.coalesce(inputs.c.done_at, bindparam("over")))
    )
    # In one order everywhere, so that of two replicas none waits in a ring.
    marks = [
        {"row": row.sequence, "over": None if row.lasting else moment}
        for row in sorted(rows, key=lambda row: row.sequence)
    ]
    await connection.execute(statement, marks)
