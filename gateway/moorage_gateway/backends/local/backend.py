"""The interface to sessions, over child processes of this one."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from redis.asyncio import Redis

from moorage_api.base import now
from moorage_api.live import LiveStates
from moorage_api.resources import ClaudeSession, ObjectMeta, TemplateSpec
from moorage_api.tasks import end
from moorage_gateway.backends.changes import Changes
from moorage_gateway.backends.interface import (
    BackendUnavailable,
    NewSession,
    SessionChange,
    SessionExists,
)
from moorage_gateway.backends.local import lifecycle
from moorage_gateway.backends.local.processes import Lifeline
from moorage_gateway.backends.local.reconciler import Parts, Reconciler
from moorage_gateway.backends.local.records import Record, Records
from moorage_gateway.backends.local.runners import Runners
from moorage_gateway.backends.local.settings import LocalSettings
from moorage_gateway.backends.local.store import SessionStore


async def _none_open(session_id: str) -> bool:
    del session_id
    return False


class LocalBackend:
    """Implements SessionBackend. ``open`` makes one that runs."""

    def __init__(self, parts: Parts, changes: Changes) -> None:
        self._records = parts.records
        self._changes = changes
        self._clock = parts.clock
        self._reconciler = Reconciler(parts)
        self._live = parts.live
        self._creating = asyncio.Lock()
        self._loop: asyncio.Task[None]
        self._hints: asyncio.Task[None]

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: LocalSettings,
        redis: Redis,
        *,
        open_inputs: Callable[[str], Awaitable[bool]] = _none_open,
        clock: Callable[[], datetime] = now,
        lock: int | None = None,
    ) -> AsyncIterator["LocalBackend"]:
        """Yield a backend whose sessions run; at the end nothing of them is left.

        ``open_inputs`` says whether there are inputs for a session that its runner has not dealt
        with, sent or not: a session that has some is never suspended as idle. ``lock`` is a locked
        file to hold as long as a runner lives (see Lifeline).

        Raises:
            OSError: if the sessions' folder cannot be used.
        """
        store, changes = SessionStore(settings.home / "sessions"), Changes()
        records = Records(store, changes)
        await asyncio.to_thread(records.load, clock())
        async with Lifeline(lock) as lifeline:
            runners = Runners(settings, store, lifeline)
            parts = Parts(
                settings=settings,
                records=records,
                store=store,
                runners=runners,
                live=LiveStates(redis),
                clock=clock,
                chance=random.random,
                open_inputs=open_inputs,
            )
            backend = cls(parts, changes)
            backend._start()
            try:
                yield backend
            finally:
                await backend._stop(runners)

    def _start(self) -> None:
        self._loop = asyncio.create_task(self._reconciler.run(), name="local sessions")
        self._hints = asyncio.create_task(
            self._live.follow(self._reconciler.kick), name="local hints"
        )

    async def _stop(self, runners: Runners) -> None:
        self._reconciler.stop()
        await end(self._hints)
        await asyncio.wait({self._loop})
        await asyncio.gather(self._reconciler.finish(), runners.close())
        self._changes.close()

    def hurry(self) -> None:
        """While it closes: leave the runners no more time."""
        self._reconciler.kill()

    async def create(self, new: NewSession) -> ClaudeSession:
        """Create a session."""
        async with self._creating:
            found = self._records.named(new.name)
            if found is None:
                return await self._add(new)
            if not new.made(found.session):
                raise SessionExists(new.name)
            return found.session

    async def _add(self, new: NewSession) -> ClaudeSession:
        metadata = ObjectMeta(
            name=new.name,
            uid=str(uuid.uuid4()),
            labels=new.labels,
            annotations=new.annotations,
            generation=1,
            resource_version="1",
            creation_timestamp=self._clock(),
        )
        try:
            record = await self._records.add(ClaudeSession(metadata=metadata, spec=new.spec))
        except OSError as error:
            raise BackendUnavailable(
                f"cannot be written down: {error.strerror}", undone=True
            ) from error
        self._reconciler.kick([record.id])
        return record.session

    def get(self, session_id: str) -> ClaudeSession:
        """Return the session."""
        return self._records.get(session_id).session

    def list(self) -> list[ClaudeSession]:
        """Return all sessions, oldest first."""
        return self._records.visible()

    async def suspend(self, session_id: str, *, suspend: bool) -> ClaudeSession:
        """Set spec.suspend."""
        record = self._records.get(session_id)
        await self._change(record, lifecycle.suspend(record.session, suspend=suspend))
        return record.session

    async def delete(self, session_id: str) -> None:
        """Delete the session: gone for readers at once, its runner and files soon after."""
        record = self._records.find(session_id)
        if record is not None and not record.deleted:
            await self._change(record, lifecycle.delete(record.session, self._clock()))

    async def template(self, name: str) -> TemplateSpec | None:
        """Return None: there are no templates here."""
        del name
        return None

    def watch(self) -> AsyncIterator[SessionChange]:
        """Yield every present session as changed, then each change, until closed."""
        return self._changes.watch(self._records.visible)

    async def ready(self) -> bool:
        """Return whether sessions can be created and read now."""
        return not self._loop.done() and not self._hints.done()

    async def _change(self, record: Record, session: ClaudeSession) -> None:
        self._records.change(record, session)
        try:
            await self._records.write(record)
        except OSError as error:
            raise BackendUnavailable(f"cannot be written down: {error.strerror}") from error
        finally:
            self._reconciler.kick([record.id])
