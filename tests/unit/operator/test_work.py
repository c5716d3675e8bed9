"""The work queue: one worker a session, nothing lost, nothing twice, failures with patience."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from moorage_api.kube.errors import UnavailableError, ViewOutdatedError
from moorage_operator.work import WorkQueue


class Clock:
    """A clock that a test moves, with the queue that goes by it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Work:
    """Notes what was done; holds a pass until it is let go."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.active: list[str] = []
        self.answers: dict[str, list[timedelta | Exception | None]] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.changed = asyncio.Condition()

    async def __call__(self, uid: str) -> timedelta | None:
        assert uid not in self.active, "two workers on one session"
        self.active.append(uid)
        await self._tell()
        if uid in self.held:
            await self.held[uid].wait()
        self.active.remove(uid)
        self.done.append(uid)
        await self._tell()
        answers = self.answers.get(uid) or [None]
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, done: list[str] | None = None, active: int | None = None) -> None:
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(
                lambda: (
                    (done is None or self.done == done)
                    and (active is None or len(self.active) == active)
                )
            )


@asynccontextmanager
async def working(queue: WorkQueue, work: Work, workers: int = 2) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run(work, workers))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled() -> None:
    """Let everything that can go on now do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_asked_for_twice_it_is_done_once_in_order() -> None:
    queue, work = WorkQueue(Clock()), Work()
    for uid in ("a", "b", "a", "c"):
        queue.add(uid)
    assert len(queue) == 3
    async with working(queue, work, workers=1):
        await work.until(done=["a", "b", "c"])
    assert queue.idle


async def test_asked_for_while_it_is_done_it_is_done_again_afterwards() -> None:
    queue, work = WorkQueue(Clock()), Work()
    work.held["a"] = asyncio.Event()
    queue.add("a")
    async with working(queue, work):
        await work.until(active=1)
        queue.add("a")
        queue.add("a")
        work.held["a"].set()
        await work.until(done=["a", "a"])
        await settled()
    assert work.done == ["a", "a"]


async def test_one_that_takes_long_holds_up_nobody() -> None:
    queue, work = WorkQueue(Clock()), Work()
    work.held["slow"] = asyncio.Event()
    async with working(queue, work):
        for uid in ("slow", "b", "c"):
            queue.add(uid)
        await work.until(done=["b", "c"])


async def test_it_is_done_again_when_its_time_has_come_and_not_before() -> None:
    clock = Clock()
    queue, work = WorkQueue(clock), Work()
    work.answers["a"] = [timedelta(seconds=0.01), None]
    queue.add("a")
    async with working(queue, work):
        await work.until(done=["a"])
        await asyncio.sleep(0.05)
        assert work.done == ["a"], "by its clock no time has passed"
        clock.now = 0.02
        queue.add_after("b", timedelta())
        await work.until(done=["a", "a", "b"])


async def test_the_sooner_of_two_moments_counts() -> None:
    clock = Clock()
    queue, work = WorkQueue(clock), Work()
    async with working(queue, work):
        queue.add_after("a", timedelta(seconds=50))
        queue.add_after("a", timedelta(seconds=10))
        queue.add_after("a", timedelta(seconds=90))
        clock.now = 11
        queue.add_after("now", timedelta())
        await work.until(done=["a", "now"])
        clock.now = 100
        queue.add_after("later", timedelta())
        await work.until(done=["a", "now", "later"])


async def test_an_old_view_is_looked_at_anew_at_once_and_then_with_patience() -> None:
    queue, work = WorkQueue(Clock()), Work()
    work.answers["a"] = [ViewOutdatedError(), ViewOutdatedError(), None]
    queue.add("a")
    async with working(queue, work):
        await work.until(done=["a", "a"])
        await settled()
        assert work.done == ["a", "a"]


async def test_a_failure_is_tried_again_after_the_wait_that_was_asked_for() -> None:
    clock = Clock()
    queue, work = WorkQueue(clock), Work()
    work.answers["a"] = [UnavailableError(timedelta(seconds=30)), None]
    queue.add("a")
    async with working(queue, work):
        await work.until(done=["a"])
        clock.now = 29
        queue.add_after("b", timedelta())
        await work.until(done=["a", "b"])
        clock.now = 31
        queue.add_after("c", timedelta())
        await work.until(done=["a", "b", "a", "c"])


async def test_a_fault_in_one_pass_does_not_stop_the_others() -> None:
    queue, work = WorkQueue(Clock()), Work()
    work.answers["a"] = [ZeroDivisionError()]
    queue.add("a")
    queue.add("b")
    async with working(queue, work):
        await work.until(done=["a", "b"])


async def test_what_is_in_hand_is_finished_and_nothing_begun() -> None:
    queue, work = WorkQueue(Clock()), Work()
    work.held["a"] = asyncio.Event()
    queue.add("a")
    async with working(queue, work):
        await work.until(active=1)
        draining = asyncio.create_task(queue.drain(5))
        await settled()
        queue.add("b")
        work.held["a"].set()
        await draining
        await settled()
    assert work.done == ["a"]


async def test_moments_that_passed_do_not_pile_up() -> None:
    clock = Clock()
    queue, work = WorkQueue(clock), Work()
    async with working(queue, work):
        for number in range(5000):
            clock.now = number / 1000
            queue.add_after("a", timedelta(hours=8) - timedelta(seconds=number))
        assert len(queue._heap) < 3000
