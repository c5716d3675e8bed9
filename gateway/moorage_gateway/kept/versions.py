"""Versions of sessions' rows: who changes rows of a session gives it another one, in Redis.

A version is a random token and says nothing but that it is not the one before. It is renewed after
the transaction and before its request is answered, so that a client that was told of a change never
gets an answer from before it, from whatever replica.
"""

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moorage_api.keys import SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_gateway.pipelined import Pipelined, pack

ARCHIVED: Final = "moorage:rows:archived"
"""The version of which sessions are archived, for those that list them."""

_LASTING_SECONDS: Final = 3600
"""Longer than an answer is kept. A version that is gone is one as well: the one of no change."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Changes:
    """Transactions that change what answers about sessions are made of."""

    engine: AsyncEngine
    pipelined: Pipelined

    @asynccontextmanager
    async def of(self, *session_ids: str, archived: bool = False) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that changes rows of these sessions.

        ``archived``: it changes whether one is archived.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        finally:  # also where it is not known whether it was committed
            keys = [SessionKeys(session_id).rows for session_id in session_ids]
            await self._renew([*keys, ARCHIVED] if archived else keys)

    async def _renew(self, keys: Iterable[str]) -> None:
        commands = [
            pack("SET", key, secrets.token_bytes(8), "EX", _LASTING_SECONDS) for key in keys
        ]
        try:
            await self.pipelined.ask(*commands)
        except FAILURES as error:  # answers that others keep are used for some seconds more
            log.warning("versions were not renewed", reason=type(error).__name__)
