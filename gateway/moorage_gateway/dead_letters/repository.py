"""The rows of dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.db.tables import dead_letters, inputs
from moorage_gateway.dead_letters.schemas import LetterKind, LetterQuery
from moorage_gateway.requests import random_id


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that was given up just now."""

    kind: LetterKind
    name: str
    reason: str
    attempts: int | None = None
    session_id: str | None = None
    input_id: str | None = None

    @property
    def subject(self) -> str:
        """What there is one letter of."""
        if self.kind == "job":
            return subject_of_job(self.name)
        return f"input:{self.session_id}:{self.input_id}"


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A dead letter's row."""

    id: str
    kind: LetterKind
    name: str
    reason: str
    failures: int
    attempts: int | None
    first_failed_at: datetime
    last_failed_at: datetime
    retried_at: datetime | None
    session_id: str | None
    input_id: str | None


_COLUMNS: Final = [dead_letters.c[name] for name in LetterRow.__slots__]


class LetterRepository:
    """Reads and writes rows on one connection; the caller commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, failure: Failure, moment: datetime) -> None:
        """Add a letter, or note in the one there is that it was given up once more."""
        insert = sqlite_insert if self._connection.dialect.name == "sqlite" else postgresql_insert
        said = {"reason": failure.reason, "attempts": failure.attempts, "last_failed_at": moment}
        statement = insert(dead_letters).values(
            id=random_id(),
            kind=failure.kind,
            name=failure.name,
            failures=1,
            first_failed_at=moment,
            session_id=failure.session_id,
            input_id=failure.input_id,
            subject=failure.subject,
            **said,
        )
        again: dict[str, Any] = {"failures": dead_letters.c.failures + 1, "retried_at": None}
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=["subject"], set_=said | again)
        )

    async def page(self, query: LetterQuery) -> tuple[Sequence[LetterRow], int]:
        """Return the letters that ``query`` asks for, the latest first, and how many there are."""
        which = _which(query)
        count = select(func.count()).select_from(dead_letters).where(*which)
        rows = (
            select(*_COLUMNS)
            .where(*which)
            .order_by(dead_letters.c.last_failed_at.desc(), dead_letters.c.id)
            .limit(query.limit)
            .offset(query.offset)
        )
        found = (await self._connection.execute(rows)).mappings()
        return [LetterRow(**row) for row in found], await self._connection.scalar(count) or 0

    async def get(self, letter_id: str) -> LetterRow | None:
        """Return a letter."""
        query = select(*_COLUMNS).where(dead_letters.c.id == letter_id)
        row = (await self._connection.execute(query)).mappings().first()
        return None if row is None else LetterRow(**row)

    async def counts(self) -> dict[str, int]:
        """Return how many letters of each kind there are."""
        query = select(dead_letters.c.kind, func.count().label("letters")).group_by(
            dead_letters.c.kind
        )
        return {row.kind: row.letters for row in await self._connection.execute(query)}

    async def count_of(self, session_id: str) -> int:
        """Return how many letters a session has."""
        query = select(func.count()).where(dead_letters.c.session_id == session_id)
        return await self._connection.scalar(query) or 0

    async def note_retry(self, letter_id: str, moment: datetime) -> None:
        """Note that what the letter is about is done again."""
        await self._connection.execute(
            update(dead_letters).where(dead_letters.c.id == letter_id).values(retried_at=moment)
        )

    async def remove(self, letter_id: str) -> bool:
        """Delete a letter; returns whether there was one."""
        return await self._remove(dead_letters.c.id == letter_id)

    async def clear(self, subject: str) -> bool:
        """Delete the letter of this subject; returns whether there was one."""
        return await self._remove(dead_letters.c.subject == subject)

    async def input_body(self, session_id: str, input_id: str) -> str | None:
        """Return an input as it was sent, if it was sent from here."""
        query = select(inputs.c.body).where(
            inputs.c.session_id == session_id, inputs.c.id == input_id
        )
        body: str | None = await self._connection.scalar(query)
        return body

    async def _remove(self, which: ColumnElement[bool]) -> bool:
        removed = await self._connection.execute(delete(dead_letters).where(which))
        return bool(removed.rowcount)


def subject_of_job(name: str) -> str:
    """Return what a job's letter is known by."""
    return f"job:{name}"


def _which(query: LetterQuery) -> list[ColumnElement[bool]]:
    which: list[ColumnElement[bool]] = []
    if query.kind is not None:
        which.append(dead_letters.c.kind == query.kind)
    if query.session_id is not None:
        which.append(dead_letters.c.session_id == query.session_id)
    return which
