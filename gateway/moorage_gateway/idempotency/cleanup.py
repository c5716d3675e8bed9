"""Forgets expired keys. They are refused or taken anew by their date, so nothing waits for this."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_gateway.idempotency.repository import KeyRepository

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyCleanup:
    """A duty."""

    engine: AsyncEngine
    clock: Callable[[], datetime]

    async def once(self) -> int:
        """Forget what has expired; returns how many keys."""
        async with self.engine.begin() as connection:
            forgotten = await KeyRepository(connection).purge(self.clock())
        if forgotten:
            log.info("idempotency keys expired", keys=forgotten)
        return forgotten
