"""Sends what waits in the outbox: at once after a request, and again whenever it is in doubt.

Sending twice is harmless (of several entries with one id the first counts), not sending is not.
So an input counts as sent only after Redis took it, and one that was sent but is in no inbox any
more, because Redis lost its data, is sent again until a runner has taken it.

Wiring: ``Relay(redis, engine)``; ``run()`` until cancelled; ``flush(session_id)`` after a commit
that wrote inputs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Final
from weakref import WeakValueDictionary

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.backoff import Backoff
from moorage_api.base import now
from moorage_api.redis_client import FAILURES
from moorage_gateway.db.engine import reading
from moorage_gateway.gathering import Gathering
from moorage_gateway.logs import trace
from moorage_gateway.metrics.instruments import RelayMetrics
from moorage_gateway.relay import inbox
from moorage_gateway.relay.marks import Marks
from moorage_gateway.relay.repository import (
    Waiting,
    sessions_waiting,
    waiting_inputs,
)

SWEEP_SECONDS: Final = 10.0
_AT_ONCE: Final = 100
_MOST_SEEN: Final = 10_000
_FAILURES: Final[tuple[type[Exception], ...]] = (*FAILURES, SQLAlchemyError)

log = structlog.get_logger(__name__)


class Relay:
    """Takes inputs from the outbox to the sessions' inboxes, in their order."""

    def __init__(
        self,
        redis: Redis,
        engine: AsyncEngine,
        clock: Callable[[], datetime] = now,
        metrics: RelayMetrics | None = None,
    ) -> None:
        self._redis = redis
        self._reads = reading(engine)
        self._clock = clock
        self._metrics = metrics or RelayMetrics()
        self.marks = Marks(engine, clock)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._due = asyncio.Event()
        self._flushes: Gathering[str, None] = Gathering("relay flushes", self._flush_all)
        self._run: object = None
        """The run of Redis that the last sweep found."""
        self._seen: dict[str, inbox.Print] = {}
        """Inboxes that held, in this run, all that had been sent to them, as they were then."""

    async def flush(self, session_id: str) -> None:
        """Send what waits for this session. What cannot be sent now is sent later."""
        try:
            await self._flushes.ask(session_id)
        except _FAILURES as error:
            log.warning("inputs wait", session=session_id, cause=type(error).__name__)
            self._due.set()

    async def _flush_all(self, session_ids: Sequence[str]) -> Sequence[None]:
        await self._send(set(session_ids))
        return [None] * len(session_ids)

    async def sweep(self) -> None:
        """Send what waits, of all sessions, and what was lost."""
        async with self._reads.connect() as connection:
            waiting = await sessions_waiting(connection)
        run = await inbox.run_of(self._redis)
        if run != self._run:
            self._run, self._seen = run, {}
        elif len(self._seen) > _MOST_SEEN:
            self._seen = {key: self._seen[key] for key in waiting if key in self._seen}
        for at in range(0, len(waiting), _AT_ONCE):
            session_ids = waiting[at : at + _AT_ONCE]
            await self._send(session_ids)
            await self._check(session_ids)

    async def run(self) -> None:
        """Send what waits: at the start, after a failure, and every SWEEP_SECONDS."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.marks.run(), name="relay marks")
            await self._sweep_on()

    async def close(self) -> None:
        """End what flushes are under way, once nobody asks for one."""
        await self._flushes.close()

    async def _sweep_on(self) -> None:
        backoff = Backoff(longest=SWEEP_SECONDS)
        while True:
            self._due.clear()
            try:
                await self.sweep()
            except _FAILURES as error:
                log.warning("inputs wait", cause=type(error).__name__)
                await asyncio.sleep(backoff.next())
                continue
            backoff.reset()
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(SWEEP_SECONDS):
                await self._due.wait()
        except TimeoutError:
            return

    async def _check(self, session_ids: Sequence[str]) -> None:
        """Send again what was sent and is in its session's inbox no more.

        What Redis has taken it loses by being started anew, or with the whole inbox. As long as
        neither happens an inbox is read once, however much waits in it.
        """
        states = await inbox.prints(self._redis, session_ids)
        for session_id in session_ids:
            state, seen = states.get(session_id), self._seen.get(session_id)
            if state is not None and seen is not None and state.goes_on_from(seen):
                continue
            try:
                lost = await self._send_lost(session_id)
            except ResponseError as error:  # of this session's inbox
                log.warning("inputs wait", session=session_id, cause=type(error).__name__)
                continue
            if state is not None and not lost:
                self._seen[session_id] = state

    async def _send(self, session_ids: Collection[str]) -> None:
        """Send what is unsent; where there is no inbox, everything that is not done."""
        async with AsyncExitStack() as stack:
            for session_id in sorted(session_ids):  # in one order: nobody waits in a ring
                await stack.enter_async_context(self._lock(session_id))
            if lost := await self._pass_on(session_ids, unsent_only=True, create=False):
                # What was over once it was sent, as an interrupt is, must not be sent again.
                await self.marks.write()
                await self._pass_on(lost, unsent_only=False, create=True)

    async def _send_lost(self, session_id: str) -> bool:
        """Look whether the inbox holds what was sent, and send that again if not."""
        async with self._lock(session_id):
            await self.marks.write()
            sent = {row.id async for row in self._rows(session_id) if row.sent}
            lost = bool(await inbox.missing(self._redis, session_id, sent))
            if lost:
                log.warning("redis lost inputs", session=session_id)
                await self._pass_on({session_id}, unsent_only=False, create=True)
            return lost

    async def _pass_on(
        self, session_ids: Collection[str], *, unsent_only: bool, create: bool
    ) -> set[str]:
        """Send rows page by page. Returns who has no inbox, where none was to be created."""
        lost: set[str] = set()
        above = -1
        full = True
        while full:
            # Before the page is read: what is noted meanwhile still counts as unsent in it.
            sent = self.marks.pending if unsent_only else frozenset()
            page = await self._page(session_ids, above, unsent_only=unsent_only)
            if not page:
                break
            full, above = len(page) == _AT_ONCE, page[-1].sequence
            rows = [row for row in page if row.sequence not in sent and row.session_id not in lost]
            if not rows:
                continue
            bodies = [(row.session_id, row.body) for row in rows]
            absent, refused = await inbox.add(self._redis, bodies, create=create)
            if refused:  # by what it is, which is its session's doing: others go on
                log.warning("inputs wait", sessions=sorted(refused), cause="no stream")
            lost |= absent
            added = [row for row in rows if row.session_id not in absent | refused]
            self.marks.add(added)
            self._metrics.sent(len(added))
            trace(log, "inputs sent", inputs=[(row.session_id, row.id) for row in added])
        return lost

    async def _rows(self, session_id: str) -> AsyncIterator[Waiting]:
        above = -1
        while page := await self._page([session_id], above, unsent_only=False):
            for row in page:
                yield row
            above = page[-1].sequence

    async def _page(
        self, session_ids: Collection[str], above: int, *, unsent_only: bool
    ) -> list[Waiting]:
        async with self._reads.connect() as connection:
            return await waiting_inputs(
                connection,
                sorted(session_ids),
                above=above,
                limit=_AT_ONCE,
                unsent_only=unsent_only,
            )

    def _lock(self, session_id: str) -> asyncio.Lock:
        return self._locks.setdefault(session_id, asyncio.Lock())
