"""Background jobs for tests: duties that tell when they run, and time that passes at once.

As a program it is a worker that begins a duty and never ends it, to be killed: URL.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from redis.asyncio import Redis
from sqlalchemy.exc import OperationalError

from moorage_api.redis_client import make_redis
from moorage_gateway.jobs.duties import Duty
from moorage_gateway.jobs.queue import TIMEOUT_SECONDS, JobQueue
from moorage_gateway.jobs.worker import JobWorker, open_worker
from moorage_gateway.metrics.instruments import JobMetrics

NAME: Final = "sweep-the-floor"
LIMIT: Final = 30.0
_INCOMPLETE: Final = "saq:moorage:incomplete"
_ACTIVE: Final = "saq:moorage:active"
_LOCKS: Final = ("saq:moorage:schedule", "saq:moorage:sweep")


@dataclass
class Notes:
    """A ledger in memory, that may be away."""

    away: bool = False
    told: list[tuple[Any, ...]] = field(default_factory=list)

    async def succeeded(self, name: str) -> None:
        self._require()
        self.told.append(("succeeded", name))

    async def failed(self, name: str, reason: str, attempts: int) -> None:
        self._require()
        self.told.append(("failed", name, reason, attempts))

    def _require(self) -> None:
        if self.away:
            raise OperationalError("INSERT", None, OSError("the database is away"))


@dataclass
class Floor:
    """A duty's work: counted, and failing while there are errors for it."""

    runs: int = 0
    errors: list[Exception] = field(default_factory=list)

    async def sweep(self) -> None:
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)


@dataclass
class Jobs:
    """A running worker."""

    redis: Redis
    queue: JobQueue
    worker: JobWorker

    async def look(self) -> None:
        """Have all that is scheduled be due, and look for it."""
        await pass_time(self.redis)
        await self.worker.schedule()


@asynccontextmanager
async def running_jobs(
    url: str, run: Callable[[], Awaitable[object]], notes: Notes | None = None
) -> AsyncIterator[Jobs]:
    """Run a worker with one duty, that is due once a minute or when time is made to pass."""
    async with make_redis(url, timeout_seconds=10.0) as redis:
        queue = JobQueue(redis, notes or Notes(), JobMetrics())
        async with open_worker(queue, [Duty(NAME, "* * * * *", run)]) as worker:
            await worker.schedule()
            yield Jobs(redis, queue, worker)


async def pass_time(redis: Redis) -> None:
    """Have everything be due that waits, and every run that began be overdue."""
    scores: Any = await redis.zrangebyscore(_INCOMPLETE, 1, "inf")
    for job in scores:
        await redis.zadd(_INCOMPLETE, {job: 1})
    for job in await active(redis):
        await change_job(redis, job, started=lambda value: value - 1000 * (TIMEOUT_SECONDS + 1))
    await redis.delete(*_LOCKS)


async def change_job(redis: Redis, job: bytes, **changes: Callable[[Any], Any]) -> None:
    """Change what Redis has of a job."""
    stored = json.loads(await redis.get(job) or b"{}")
    if stored:
        stored |= {name: change(stored.get(name, 0)) for name, change in changes.items()}
        await redis.set(job, json.dumps(stored))


async def due_in(redis: Redis) -> dict[str, float]:
    """Return when each job that waits for its time is due."""
    pairs: Any = await redis.zrangebyscore(_INCOMPLETE, 1, "inf", withscores=True)
    return {job.decode().rpartition(":")[2]: due for job, due in pairs}


async def active(redis: Redis) -> list[bytes]:
    """Return the jobs that workers have taken."""
    found: Any = await redis.lrange(_ACTIVE, 0, -1)
    return list(found)


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(LIMIT):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.01)


async def _hang() -> None:
    print("begun", flush=True)
    await asyncio.Event().wait()


async def _begin_and_hang(url: str) -> None:
    async with running_jobs(url, _hang) as jobs:
        await jobs.look()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_begin_and_hang(*sys.argv[1:]))
