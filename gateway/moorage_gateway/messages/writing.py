"""Writes messages down: those of several requests that come at one moment in one transaction.

A transaction of four writes costs the gateway four milliseconds, most of it whatever their number
is, and PostgreSQL a journey to the disk.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway import outbox
from moorage_gateway.audit import record as audit
from moorage_gateway.errors import KeyReused
from moorage_gateway.gathering import Gathering
from moorage_gateway.idempotency.repository import Claim, KeyRepository, KeyUse
from moorage_gateway.kept.versions import Changes
from moorage_gateway.messages.repository import MessageRepository, NewMessage
from moorage_gateway.sessions.repository import SessionRepository, SessionRow


@dataclass(frozen=True, slots=True)
class Writing:
    """A message with all that is written down with it: all of it, or nothing."""

    message: NewMessage
    session: SessionRow
    input: outbox.Row
    record: audit.Record
    use: KeyUse | None = None
    """The key to take for it."""


class MessageWriter:
    """Writes what requests send."""

    def __init__(self, changes: Changes, keep_keys: timedelta) -> None:
        self._changes = changes
        self._keep_keys = keep_keys
        self._gathering: Gathering[Writing, Claim | None] = Gathering("messages", self._write)

    async def write(self, writing: Writing) -> Claim | None:
        """Write a message down, unless its key stands for another one: that is returned then.

        Raises:
            KeyReused: if the key was used with another content.
        """
        return await self._gathering.ask(writing)

    async def close(self) -> None:
        """End."""
        await self._gathering.close()

    async def _write(self, writings: Sequence[Writing]) -> Sequence[Claim | Exception | None]:
        try:
            return await self._write_together(writings)
        except DBAPIError as error:
            # Rolled back, unless the connection was lost: who knows then.
            if len(writings) == 1 or error.connection_invalidated:
                raise
        return [await self._write_alone(writing) for writing in writings]

    async def _write_alone(self, writing: Writing) -> Claim | Exception | None:
        """Write one of those that could not be written together: it may not be to blame."""
        try:
            (result,) = await self._write_together([writing])
        except DBAPIError as error:
            return error
        return result

    async def _write_together(
        self, writings: Sequence[Writing]
    ) -> Sequence[Claim | Exception | None]:
        ids = {writing.message.session_id for writing in writings}
        async with self._changes.of(*ids) as connection:
            taken = await self._claim(connection, writings)
            new = [each for each in writings if each.message.id not in taken]
            if new:
                await SessionRepository(connection).access(*(each.session for each in new))
                await MessageRepository(connection).add(*(each.message for each in new))
                await outbox.put_all(connection, [each.input for each in new])
                await audit.write(connection, [each.record for each in new])
        return [taken.get(writing.message.id) for writing in writings]

    async def _claim(
        self, connection: AsyncConnection, writings: Sequence[Writing]
    ) -> dict[str, Claim | Exception]:
        """Take the keys; return what stands in the way of which messages.

        In one order everywhere, so that of two that take several keys none waits in a ring.
        """
        keys = KeyRepository(connection)
        taken: dict[str, Claim | Exception] = {}
        keyed = [(each.use, each.message) for each in writings if each.use is not None]
        for use, new in sorted(keyed, key=lambda each: each[0].order):
            try:
                claim = await keys.claim(use, new.id, new.created_at, self._keep_keys)
            except KeyReused as error:
                taken[new.id] = error
            else:
                if not claim.is_new:
                    taken[new.id] = claim
        return taken


@asynccontextmanager
async def open_message_writer(
    changes: Changes, keep_keys: timedelta
) -> AsyncIterator[MessageWriter]:
    """Yield a writer that is closed at the end."""
    writer = MessageWriter(changes, keep_keys)
    try:
        yield writer
    finally:
        await writer.close()
