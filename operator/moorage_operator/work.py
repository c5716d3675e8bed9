"""The work queue: which sessions are to be looked at, now or later, each by one worker at a time.

What is asked for while a session is being looked at leads to another look afterwards; what is asked
for twice is done once. A session that fails is tried again after a wait that doubles.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog

from moorage_api.kube.errors import KubernetesError
from moorage_operator.backoff import backoff

_log = structlog.get_logger(__name__)
_FIRST_WAIT: Final = timedelta(seconds=1)
_PASS_SECONDS: Final = 120.0
_SLACK: Final = 1024
_LONGEST: Final = timedelta(days=30).total_seconds()

Pass = Callable[[str], Awaitable[timedelta | None]]
"""Looks at a session; returns when to look again at the latest, if that is known."""


class WorkQueue:
    """Sessions by UID, first come first served."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ready: deque[str] = deque()
        self._queued: set[str] = set()
        self._active: set[str] = set()
        self._again: set[str] = set()
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._failures: dict[str, int] = {}
        self._filled = asyncio.Event()
        self._sooner = asyncio.Event()
        self._ended = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._ready) + len(self._active)

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done now."""
        return not self._ready and not self._active

    def works_on(self, uid: str) -> bool:
        """Whether a session is being looked at."""
        return uid in self._active

    def add(self, uid: str) -> None:
        """Have a session looked at as soon as possible."""
        if uid in self._active:
            self._again.add(uid)
        elif uid not in self._queued:
            self._queued.add(uid)
            self._ready.append(uid)
            self._filled.set()

    def add_after(self, uid: str, wait: timedelta) -> None:
        """Have a session looked at after a wait, unless it is due sooner anyway."""
        now = self._clock()
        due = now + min(max(wait.total_seconds(), 0.0), _LONGEST)
        if due >= self._due.get(uid, float("inf")):
            return
        self._due[uid] = due
        heapq.heappush(self._heap, (due, uid))
        if due <= now or self._heap[0] == (due, uid):
            self._sooner.set()
        if len(self._heap) > 2 * len(self._due) + _SLACK:  # what was put off or done since
            self._heap = [(due, uid) for uid, due in self._due.items()]
            heapq.heapify(self._heap)

    def forget(self, uid: str) -> None:
        """Drop what was planned for a session that is gone."""
        self._due.pop(uid, None)
        self._failures.pop(uid, None)

    async def drain(self, seconds: float) -> None:
        """Begin nothing more, and wait for what is being done."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._active:
                    self._ended.clear()
                    await self._ended.wait()

    async def run(self, work: Pass, workers: int) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wake_due(), name="due sessions")
            for number in range(workers):
                group.create_task(self._worker(work), name=f"worker {number}")

    async def _worker(self, work: Pass) -> None:
        while True:
            while not self._ready or self._closed:
                self._filled.clear()
                await self._filled.wait()
            uid = self._ready.popleft()
            self._queued.discard(uid)
            self._active.add(uid)
            try:
                await self._do(work, uid)
            finally:
                self._active.discard(uid)
                self._ended.set()
                if uid in self._again:
                    self._again.discard(uid)
                    self.add(uid)

    async def _do(self, work: Pass, uid: str) -> None:
        self._due.pop(uid, None)
        try:
            async with asyncio.timeout(_PASS_SECONDS):
                wait = await work(uid)
        except KubernetesError as error:
            _log.info("a pass has to be done again", session=uid, cause=error.cause)
            self._retry(uid, error.retry_after)
        except Exception:  # a fault in one session's pass must not stop the others'
            _log.exception("a pass failed", session=uid)
            self._retry(uid, _FIRST_WAIT)
        else:
            self._failures.pop(uid, None)
            if wait is not None:
                self.add_after(uid, wait)

    def _retry(self, uid: str, at_least: timedelta) -> None:
        """Have a session that failed looked at again: after an old view at once, the first time."""
        failures = self._failures[uid] = self._failures.get(uid, 0) + 1
        at_once = failures == 1 and not at_least
        wait = timedelta() if at_once else max(at_least, backoff(_FIRST_WAIT, failures, uid))
        self.add_after(uid, wait)

    async def _wake_due(self) -> None:
        while True:
            self._sooner.clear()
            now = self._clock()
            while self._heap and self._heap[0][0] <= now:
                due, uid = heapq.heappop(self._heap)
                if self._due.get(uid) == due:
                    del self._due[uid]
                    self.add(uid)
            wait = self._heap[0][0] - now if self._heap else None
            try:
                async with asyncio.timeout(wait):
                    await self._sooner.wait()
            except TimeoutError:
                continue
