"""Sends what waits in the outbox: at once after a request, and again whenever it is in doubt.

Sending twice is harmless (of several entries with one id the first counts), not sending is not.
So an input counts as sent only after Redis took it, and one that was sent but is in no inbox any
more, because Redis lost its data, is sent again until a runner has taken it.

Wiring: ``Relay(redis, engine)``; ``run()`` until cancelled; ``flush(session_id)`` after a commit
that wrote inputs.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
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
        self._seen: dict[str, inbox.Print] = {}
        """Inboxes that were found to hold all that waits, as they were then."""

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
                await self._sweep()
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

    async def _sweep(self) -> None:
        async with self._reads.connect() as connection:
            waiting = await sessions_waiting(connection)
        self._seen = {key: self._seen[key] for key in waiting if key in self._seen}
        for session_id in waiting:
            await self._send({session_id})
            try:
                await self._check(session_id)
            except ResponseError as error:  # of this session's inbox
                log.warning("inputs wait", session=session_id, cause=type(error).__name__)

    async def _send(self, session_ids: Collection[str]) -> None:
        """Send what is unsent; where there is no inbox, everything that is not done."""
        async with AsyncExitStack() as stack:
            for session_id in sorted(session_ids):  # in one order: nobody waits in a ring
                await stack.enter_async_context(self._lock(session_id))
            if lost := await self._pass_on(session_ids, unsent_only=True, create=False):
                # What was over once it was sent, as an interrupt is, must not be sent again.
                await self.marks.write()
                await self._pass_on(lost, unsent_only=False, create=True)

    async def _check(self, session_id: str) -> None:
        """Send again what was sent and is in the inbox no more."""
        box = inbox.Inbox(self._redis, session_id)
        async with self._lock(session_id):
            state = await box.fingerprint()
            if state is not None and state == self._seen.get(session_id):
                return
            await self.marks.write()
            async with self._reads.connect() as connection:
                rows = await waiting_inputs(
                    connection, [session_id], above=-1, limit=10 * _AT_ONCE, unsent_only=False
                )
            sent = {row.id for row in rows if row.sent}
            if await box.missing(sent):
                log.warning("redis lost inputs", session=session_id)
                await self._pass_on({session_id}, unsent_only=False, create=True)
            elif state is not None:
                self._seen[session_id] = state

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
