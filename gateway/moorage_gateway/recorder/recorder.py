"""The recorder's loop: woken by the hub, reads from its checkpoints, writes in batches.

A backlog sits in Redis, never in memory: the hub only says which session has something new. A
session nothing happens in costs nothing. One whose runner is gone (suspended, finished) is read to
its end and then left alone until it changes.

Wiring: ``Recorder(hub, changes, watch)``; ``run()`` until cancelled. May run in every replica: of
two that read the same events one writes them, the other rests for a while.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from moorage_api.backoff import Backoff
from moorage_api.base import now
from moorage_api.redis_client import FAILURES
from moorage_api.resources import ClaudeSession, Phase
from moorage_gateway.backends.interface import SessionChange
from moorage_gateway.kept.versions import Changes
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.ids import NONE, EventId
from moorage_gateway.live.items import Item
from moorage_gateway.live.resume import Verdict
from moorage_gateway.live.watch import SessionWatch
from moorage_gateway.logs import trace
from moorage_gateway.metrics.instruments import RecorderMetrics
from moorage_gateway.recorder.entries import RECORDED_TYPES, Page, recorded_in
from moorage_gateway.recorder.repository import load_checkpoints
from moorage_gateway.recorder.writer import Writer, Written

BATCH_SECONDS: Final = 0.1
_SESSIONS_AT_ONCE: Final = 16
_MOST_EVENTS: Final = 500
_FEWEST: Final = 32
_SMALL_BYTES: Final = 256 * 1024
_REST_SECONDS: Final = 5.0
_LEAVE_SECONDS: Final = 30.0
_UNSEEN_EVENTS: Final = 2_000
"""After so many events of other kinds the checkpoint moves too: before they are trimmed."""

_RESTING: Final = frozenset({Phase.SUSPENDED, Phase.SUCCEEDED, Phase.FAILED})
_FAILURES: Final[tuple[type[Exception], ...]] = (*FAILURES, SQLAlchemyError)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Tracked:
    """What the recorder knows of a session."""

    follower: Callable[[Sequence[Item]], None]
    # Up to where it is recorded; None: not at all. Not valid until loaded.
    position: EventId | None = None
    loaded: bool = False
    followed: bool = False
    # It has no runner: nothing more is to come.
    resting: bool = False
    leaving: asyncio.TimerHandle | None = None
    count: int = _FEWEST
    unseen: int = 0


class Traces(Protocol):
    """Told of what was recorded."""

    async def recorded(self, pages: Sequence[Page]) -> None:
        """Trace what these pages tell of."""
        ...


class Recorder:
    """Records what happens in every session of the backend."""

    def __init__(
        self,
        hub: Hub,
        changes: Changes,
        watch: SessionWatch,
        clock: Callable[[], datetime] = now,
        metrics: RecorderMetrics | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces
        self._hub = hub
        self._clock = clock
        self._metrics = metrics or RecorderMetrics()
        self._engine = changes.engine
        self._watch = watch
        self.writer = Writer(changes, watch.find, clock)
        self._tracked: dict[str, _Tracked] = {}
        # A dict for its order: no session waits behind those that are always busy. Each since when.
        self._dirty: dict[str, float] = {}
        self._under_way: dict[str, float] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Record until cancelled."""
        self._watch.listen(self._changed)
        backoff = Backoff(longest=5.0)
        try:
            for session in self._watch.sessions:
                self._take_up(session)
            while True:
                await self._wake.wait()
                await asyncio.sleep(BATCH_SECONDS)
                self._wake.clear()
                await self._drain(backoff)
        finally:
            self._watch.forget(self._changed)
            for session_id in tuple(self._tracked):
                self._drop(session_id)

    @property
    def behind(self) -> int:
        """How many sessions have something that may not be recorded yet."""
        return len(self._dirty)

    @property
    def lag_seconds(self) -> float:
        """How long the session that waits longest has had something that is not recorded."""
        since = [*self._dirty.values(), *self._under_way.values()]
        return time.monotonic() - min(since) if since else 0.0

    async def _drain(self, backoff: Backoff) -> None:
        """Record until nothing waits, or Redis or the database fails."""
        while self._dirty:
            some = list(self._dirty)[:_SESSIONS_AT_ONCE]
            try:
                await self._record(some)
            except _FAILURES as error:
                log.warning("recording waits", cause=type(error).__name__)
                await asyncio.sleep(backoff.next())
            else:
                backoff.reset()

    async def _record(self, some: Sequence[str]) -> None:
        """Record the next page of each of these sessions."""
        await self._prepare(some)
        self._under_way = {key: self._dirty.pop(key) for key in some if key in self._dirty}
        try:
            pages = await self._read([key for key in some if key in self._tracked])
            written = await self.writer.write(pages) if pages else Written()
        except BaseException:
            known = {key: at for key, at in self._under_way.items() if key in self._tracked}
            self._dirty = {**self._dirty, **known}
            self._wake.set()
            raise
        finally:
            self._under_way = {}
        self._measure(written.pages)
        if self._traces is not None:
            await self._traces.recorded(written.pages)
        for page in pages:
            if page.session_id in written.passed_by:
                self._rest(page.session_id)
            elif page.session_id in self._tracked:
                self._tracked[page.session_id].position = page.to

    def _measure(self, pages: Sequence[Page]) -> None:
        """Note how late the first event of each page was, by the clock that its id is of."""
        seconds = self._clock().timestamp()
        lags = [
            seconds - EventId.of(page.events[0].id.encode()).milliseconds / 1000
            for page in pages
            if page.events
        ]
        self._metrics.recorded(sum(len(page.events) for page in pages), lags)
        for page in pages:
            count = len(page.events)
            trace(log, "page recorded", session=page.session_id, to=str(page.to), events=count)

    async def _prepare(self, some: Sequence[str]) -> None:
        """Follow the sessions from before they are read, so that nothing lies between."""
        for session_id in some:
            tracked = self._tracked.get(session_id)
            if tracked is not None and not tracked.followed and not tracked.resting:
                await self._hub.follow(session_id, tracked.follower)
                tracked.followed = True
        missing = [key for key in some if key in self._tracked and not self._tracked[key].loaded]
        if missing:
            async with self._engine.connect() as connection:
                found = await load_checkpoints(connection, missing)
            for session_id in missing:
                if session_id in self._tracked:
                    self._tracked[session_id].position = found.get(session_id)
                    self._tracked[session_id].loaded = True

    async def _read(self, some: Sequence[str]) -> list[Page]:
        if not some:
            return []
        wanted = min(self._tracked[session_id].count for session_id in some)
        count = min(wanted, max(_MOST_EVENTS // len(some), 1))
        positions = [(key, self._tracked[key].position or NONE) for key in some]
        found = await self._hub.reader.entries_all(positions, count)
        pages = [
            self._page(session_id, verdict, entries, count)
            for session_id, (verdict, entries) in zip(some, found, strict=True)
            if session_id in self._tracked
        ]
        return [page for page in pages if page is not None]

    def _page(
        self, session_id: str, verdict: Verdict, entries: list[Any], count: int
    ) -> Page | None:
        tracked = self._tracked[session_id]
        if verdict.missing is not None:
            log.warning("history has a gap", session=session_id, reason=verdict.missing)
        size = sum(len(value) for _, fields in entries for value in (fields or {}).values())
        tracked.count = min(count * 2, _MOST_EVENTS) if size < _SMALL_BYTES else _FEWEST
        tracked.unseen = 0
        if len(entries) >= count or (verdict.missing is not None and entries):
            self._mark(session_id)
        to = EventId.of(entries[-1][0]) if entries else verdict.position
        if to == (tracked.position or NONE):
            return None
        return Page(session_id, tracked.position, to, recorded_in(session_id, entries))

    def _rest(self, session_id: str) -> None:
        """Another replica records this session: look again later, or forget what is gone."""
        tracked = self._tracked.get(session_id)
        if tracked is not None and self._watch.find(session_id) is None:
            self._drop(session_id)
        elif tracked is not None:
            tracked.loaded = False
            asyncio.get_running_loop().call_later(_REST_SECONDS, self._mark, session_id)

    def _changed(self, change: SessionChange) -> None:
        uid = change.session.metadata.uid
        if change.kind == "changed":
            self._take_up(change.session)
        elif uid is not None and uid in self._tracked:
            # Its runner may still be saying its last words.
            asyncio.get_running_loop().call_later(_LEAVE_SECONDS, self._drop, uid)

    def _take_up(self, session: ClaudeSession) -> None:
        """Follow a session while it has a runner; read one that has none to its end."""
        session_id = session.metadata.uid
        if session_id is None:
            return
        tracked, resting = self._tracked.get(session_id), session.status.phase in _RESTING
        new = tracked is None
        if tracked is None:
            follower = partial(self._told, session_id)
            tracked = self._tracked[session_id] = _Tracked(follower, resting=resting)
            self._mark(session_id)
        if resting:
            if tracked.leaving is None and (new or not tracked.resting):
                loop = asyncio.get_running_loop()
                tracked.leaving = loop.call_later(_LEAVE_SECONDS, self._leave, session_id)
            return
        if tracked.leaving is not None:
            tracked.leaving.cancel()
            tracked.leaving = None
        if tracked.resting:
            tracked.resting = False
            self._mark(session_id)

    def _leave(self, session_id: str) -> None:
        """Follow a session no more whose runner is gone, and read it a last time."""
        tracked = self._tracked.get(session_id)
        if tracked is not None:
            tracked.leaving, tracked.resting = None, True
            if tracked.followed:
                tracked.followed = False
                self._hub.unfollow(session_id, tracked.follower)
            self._mark(session_id)

    def _drop(self, session_id: str) -> None:
        tracked = self._tracked.pop(session_id, None)
        self._dirty.pop(session_id, None)
        if tracked is not None:
            if tracked.leaving is not None:
                tracked.leaving.cancel()
            if tracked.followed:
                self._hub.unfollow(session_id, tracked.follower)

    def _told(self, session_id: str, items: Sequence[Item]) -> None:
        """The hub saw events; without any it says: look yourself."""
        tracked = self._tracked.get(session_id)
        if tracked is None:
            return
        tracked.unseen += len(items)
        if (
            not items
            or tracked.unseen >= _UNSEEN_EVENTS
            or any(item.type in RECORDED_TYPES or item.type == "gap" for item in items)
        ):
            self._mark(session_id)

    def _mark(self, *session_ids: str) -> None:
        for session_id in session_ids:
            if session_id in self._tracked:
                self._dirty.setdefault(session_id, time.monotonic())
        self._wake.set()
