"""The job that removes what is over. Nothing waits for it: what has expired counts no more."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.interface import SessionBackend
from moorage_gateway.metrics.instruments import RetentionMetrics
from moorage_gateway.retention import rules
from moorage_gateway.retention.gone import note_gone
from moorage_gateway.retention.removal import Busy, hold, remove
from moorage_gateway.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """A duty. It is done by one replica at a time, also where two were given it."""

    engine: AsyncEngine
    backend: SessionBackend
    clock: Callable[[], datetime]
    settings: Settings
    metrics: RetentionMetrics

    async def once(self) -> dict[str, int]:
        """Remove what is over; returns how many rows of which tables."""
        removed: Counter[str] = Counter()
        moment = self.clock()
        try:
            for doomed in [*await self._of_sessions(moment), *self._of_users(moment)]:
                count = await remove(self.engine, doomed)
                removed[doomed.table.name] += count
                self.metrics.removed(doomed.table.name, count)
        except Busy:
            log.debug("another replica removes what is over")
        told = {name: count for name, count in removed.items() if count}
        if told:
            log.info("what was over is removed", **told)
        return told

    async def _of_sessions(self, moment: datetime) -> list[rules.Doomed]:
        """Return what is over in sessions; nothing while it is not known which there are."""
        if not await self.backend.ready():
            return []
        present = self.backend.list()
        await self._note_gone(present, moment)
        retention = self.settings.retention
        return [
            *rules.history(retention, moment, rules.at_work(present)),
            *rules.gone(retention, moment),
        ]

    async def _note_gone(self, present: list[ClaudeSession], moment: datetime) -> None:
        ids = frozenset(session.metadata.uid for session in present if session.metadata.uid)
        async with self.engine.begin() as connection:
            await hold(connection)
            count = await note_gone(connection, ids, moment)
        if count:
            log.info("sessions are gone", count=count, present=len(ids))

    def _of_users(self, moment: datetime) -> Iterator[rules.Doomed]:
        yield from rules.credentials(self.settings.login, moment)
        yield from rules.audit(self.settings.retention, moment)
