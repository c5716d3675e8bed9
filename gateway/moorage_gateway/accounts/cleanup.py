"""Removes sign-ins that are over, and refresh tokens that were used up long ago."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_gateway.accounts.repository import AccountRepository
from moorage_gateway.settings import LoginSettings

_REVOKED_KEPT: Final = timedelta(days=1)

log = structlog.get_logger(__name__)


class Cleanup:
    """A duty."""

    def __init__(
        self, engine: AsyncEngine, clock: Callable[[], datetime], settings: LoginSettings
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._kept = timedelta(days=settings.refresh_days)

    async def once(self) -> int:
        """Clean up; returns how many sign-ins were removed.

        A used token is kept as long as a sign-in lasts without a refresh: until then its second use
        tells that it was stolen.
        """
        now = self._clock()
        async with self._engine.begin() as connection:
            repository = AccountRepository(connection)
            removed = await repository.remove_ended(now, now - _REVOKED_KEPT)
            await repository.remove_used_tokens(now - self._kept)
        if removed:
            log.info("sign-ins that were over are removed", count=removed)
        return removed
