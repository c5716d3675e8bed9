"""Forgets expired keys. They are refused or taken anew by their date, so nothing waits for this."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_gateway.idempotency.repository import KeyRepository

_PAUSE_SECONDS: Final = 600.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyCleanup:
    """A background task; it does no harm that every replica has one."""

    engine: AsyncEngine
    clock: Callable[[], datetime]

    async def run(self) -> None:
        """Forget keys now and then, until cancelled."""
        while True:
            forgotten = await self.once()
            if forgotten:
                log.info("idempotency keys expired", keys=forgotten)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def once(self) -> int:
        """Forget what has expired; returns how many keys."""
        async with self.engine.begin() as connection:
            return await KeyRepository(connection).purge(self.clock())
