"""The worker of one process: it does due jobs, and sees that the duties are in the queue.

Every replica has one. Which of them does a job is decided in Redis, and so is that a duty stands
in the queue once, whoever puts it there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from saq.job import CronJob
from saq.types import Context
from saq.worker import Worker

from moorage_api.redis_client import FAILURES
from moorage_gateway.jobs.duties import Duty
from moorage_gateway.jobs.queue import JobFailed, JobQueue

WAIT_SECONDS: Final = 5.0
"""How long one look for a job takes; the client's time limit must be longer."""
_LOOK_SECONDS: Final = 5
_SWEEP_SECONDS: Final = 60
_AT_ONCE: Final = 2

log = structlog.get_logger(__name__)


class JobWorker(Worker[Context]):
    """SAQ's, as a part of a process: it takes no signals, and outlives Redis."""

    SIGNALS = []

    async def schedule(self, lock: int = 1) -> None:
        """Put every duty into the queue that is not there, and what is due before the workers."""
        try:
            await super().schedule(lock)
        except FAILURES as error:
            log.warning("jobs wait for redis", cause=type(error).__name__)

    async def process(self) -> bool:
        """Do a job; one that cannot be ended, as Redis is away, is found again by the sweep."""
        try:
            return await super().process()
        except FAILURES as error:
            log.warning("job will be done again", cause=type(error).__name__)
            return False


@asynccontextmanager
async def open_worker(queue: JobQueue, duties: Sequence[Duty]) -> AsyncIterator[JobWorker]:
    """Yield a worker that does the duties; what it is at in the end goes back into the queue."""
    worker = JobWorker(
        queue,
        [],
        cron_jobs=[_cron_job(duty) for duty in duties],
        concurrency=_AT_ONCE,
        dequeue_timeout=WAIT_SECONDS,
        timers={
            "schedule": _LOOK_SECONDS,
            "sweep": _SWEEP_SECONDS,
            "abort": _LOOK_SECONDS,
            "worker_info": _SWEEP_SECONDS,
        },
    )
    running = asyncio.create_task(worker.start(), name="jobs")
    try:
        yield worker
    finally:
        running.cancel()
        await asyncio.wait([running])


def _cron_job(duty: Duty) -> CronJob[Context]:
    perform = _performing(duty.run)
    perform.__qualname__ = duty.name  # under which SAQ keeps it
    return CronJob(perform, duty.schedule)


def _performing(run: Callable[[], Awaitable[object]]) -> Callable[[Context], Awaitable[None]]:
    async def perform(context: Context) -> None:
        del context
        try:
            await run()
        except Exception as error:
            raise JobFailed(type(error).__name__) from error

    return perform
