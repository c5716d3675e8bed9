"""Brings rows and resources together whose creation was cut off in between (record 0046).

The row is written before the resource, under the creation's id. Who creates both adopts the row
at once; where that process ended, or the answer got lost, this finds the pair by looking at both.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from moorage_gateway.auth.access import id_of
from moorage_gateway.backends.interface import SessionBackend, creation_id_of
from moorage_gateway.kept.versions import Changes
from moorage_gateway.sessions.repository import SessionRepository

_PAUSE_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Adoption:
    """A background task; it does no harm if several processes have one.

    Rows whose session never comes are retention's.
    """

    changes: Changes
    backend: SessionBackend

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def once(self) -> None:
        """Give each row its session, if that is there."""
        async with self.changes.engine.connect() as connection:
            unmade = await SessionRepository(connection).unmade()
        if not unmade:
            return
        made = {creation_id_of(session): session for session in self.backend.list()}
        for session in (made[each] for each in unmade if each in made):
            session_id = id_of(session)
            async with self.changes.of(session_id) as connection:
                await SessionRepository(connection).adopt(session)
            log.info("session adopted", session=session_id)
