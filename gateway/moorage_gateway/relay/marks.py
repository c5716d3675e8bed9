"""Notes in the database which inputs were sent: together, a moment after they were.

What a request waits for is that its input is in the database; that it was sent as well is for the
relay's own use. To write that down at once would be a second commit for each request, which costs
a second journey to the disk. A process that ends in between leaves inputs that count as unsent:
they are sent again, which is harmless (of several entries with one id the first counts).
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.backoff import Backoff
from moorage_gateway.relay.repository import Waiting, mark_sent

PAUSE_SECONDS: Final = 0.05
"""How long marks are gathered."""
_LAST_SECONDS: Final = 1.0
_FAILURES: Final = (SQLAlchemyError, OSError, TimeoutError)

log = structlog.get_logger(__name__)


class Marks:
    """Inputs that were sent and are not noted as sent yet."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock
        self._rows: dict[int, Waiting] = {}
        self._some = asyncio.Event()

    def add(self, rows: Iterable[Waiting]) -> None:
        """Have rows noted as sent, soon."""
        self._rows |= {row.sequence: row for row in rows}
        self._some.set()

    @property
    def pending(self) -> frozenset[int]:
        """What was sent by this process and is not noted yet."""
        return frozenset(self._rows)

    async def write(self) -> None:
        """Write down what there is, in one transaction."""
        rows = list(self._rows.values())
        if not rows:
            return
        async with self._engine.begin() as connection:
            await mark_sent(connection, rows, self._clock())
        for row in rows:
            self._rows.pop(row.sequence, None)

    async def run(self) -> None:
        """Write until cancelled, and a last time then."""
        backoff = Backoff(longest=5.0)
        try:
            while True:
                await self._some.wait()
                await asyncio.sleep(PAUSE_SECONDS)
                self._some.clear()
                try:
                    await self.write()
                except _FAILURES as error:
                    log.warning("marks wait for the database", cause=type(error).__name__)
                    self._some.set()
                    await asyncio.sleep(backoff.next())
                else:
                    backoff.reset()
        finally:
            await self._last()

    async def _last(self) -> None:
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self.write()
        except _FAILURES as error:
            log.info("sent inputs will be sent again", cause=type(error).__name__)
