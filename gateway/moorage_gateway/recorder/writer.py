"""Writes pages in one transaction, and finds out what to do when that fails.

The database away or locked: try again for as long as it takes. One event that cannot be written:
log it and pass over it, everything around it is written.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.backoff import Backoff
from moorage_api.resources import ClaudeSession
from moorage_gateway.db.tables import checkpoints
from moorage_gateway.kept.versions import Changes
from moorage_gateway.recorder.entries import Page
from moorage_gateway.recorder.repository import RecordRepository
from moorage_gateway.sessions.creation import row_for
from moorage_gateway.sessions.repository import SessionRepository

_AWAY: Final = (OperationalError, OSError, TimeoutError)

log = structlog.get_logger(__name__)

FindSession = Callable[[str], ClaudeSession | None]


@dataclass(slots=True)
class Written:
    """What came of writing pages."""

    pages: list[Page] = field(default_factory=list)
    """Those that were written, without events that cannot be."""
    passed_by: set[str] = field(default_factory=set)
    """The sessions that another one recorded."""


class Writer:
    """Writes pages to the database."""

    def __init__(self, changes: Changes, find: FindSession, clock: Callable[[], datetime]) -> None:
        self._changes = changes
        self._find = find
        self._clock = clock
        self.failures = 0
        """How often writing had to be tried again, for metrics and tests."""

    async def write(self, pages: Sequence[Page]) -> Written:
        """Write pages, however long it takes."""
        backoff = Backoff(longest=5.0)
        while True:
            try:
                return await self._together(pages)
            except _AWAY as error:
                self.failures += 1
                log.warning("events wait for the database", cause=type(error).__name__)
                await asyncio.sleep(backoff.next())
            except Exception as error:  # told apart one by one
                log.warning("events could not be recorded together", cause=type(error).__name__)
                return await self._one_by_one(pages)

    async def _one_by_one(self, pages: Sequence[Page]) -> Written:
        all_of_them = Written()
        for page in pages:
            for part in page.one_by_one():
                if page.session_id not in all_of_them.passed_by:
                    written = await self._alone(part)
                    all_of_them.pages += written.pages
                    all_of_them.passed_by |= written.passed_by
        return all_of_them

    async def _alone(self, page: Page) -> Written:
        """Write a page of one event; without the event if that is what fails."""
        backoff = Backoff(longest=5.0)
        while True:
            try:
                return await self._together([page])
            except _AWAY as error:
                log.warning("events wait for the database", cause=type(error).__name__)
            except Exception as error:
                if page.events and await self._writable():
                    # A trace would show the event's content.
                    log.error(  # noqa: TRY400
                        "event passed over",
                        session=page.session_id,
                        event_id=page.events[0].id,
                        type=page.events[0].type,
                        cause=type(error).__name__,
                    )
                    page = page.without_events()
            await asyncio.sleep(backoff.next())

    async def _together(self, pages: Sequence[Page]) -> Written:
        """Write pages in one transaction. In one order everywhere, so that none waits in a ring."""
        written = Written()
        session_ids = [page.session_id for page in pages]
        async with self._changes.of(*session_ids) as connection:
            await SessionRepository(connection).keep(session_ids)
            repository = RecordRepository(connection, self._clock())
            for page in sorted(pages, key=lambda page: page.session_id):
                if await self._has_row(connection, page) and await repository.step(page):
                    for event in page.events:
                        await repository.record(event)
                    written.pages.append(page)
                else:
                    written.passed_by.add(page.session_id)
        return written

    async def _has_row(self, connection: AsyncConnection, page: Page) -> bool:
        """Whether the session is there; one that has no row yet gets one.

        What has a checkpoint has a row. Without one the first statement is a write, so that
        SQLite takes its lock at once instead of failing when a reader becomes a writer.
        """
        if page.before is not None:
            return True
        session = self._find(page.session_id)
        if session is None:
            return False
        await SessionRepository(connection).add(row_for(session, self._clock()))
        return True

    async def _writable(self) -> bool:
        """Whether the database takes writes at all."""
        nothing = update(checkpoints).where(checkpoints.c.session_id == "").values(event_id="")
        try:
            async with self._changes.engine.begin() as connection:
                await connection.execute(nothing)
        except Exception:  # whatever it is, it is not the event's fault
            return False
        return True
