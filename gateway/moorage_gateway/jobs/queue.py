"""SAQ's queue on Redis, and what is ours of it: the backoff, and where jobs end that are given up.

A job that a worker has taken stays in a list of its own until it is finished: when the worker is
killed, another finds it there once its time is up, and does it again.
"""

import asyncio
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from saq.job import Job, Status
from saq.queue.redis import RedisQueue
from saq.types import WorkerInfo
from sqlalchemy.exc import SQLAlchemyError

from moorage_api.backoff import Backoff
from moorage_api.redis_client import FAILURES
from moorage_gateway.jobs.duties import Ledger
from moorage_gateway.metrics.instruments import JobMetrics

QUEUE: Final = "moorage"
ATTEMPTS: Final = 6
TIMEOUT_SECONDS: Final = 120
"""After so long a run has failed, and its process counts as gone."""
FIRST_DELAY_SECONDS: Final = 5.0
LONGEST_DELAY_SECONDS: Final = 600.0
_LOST: Final = "WorkerLost"
_DATABASE_FAILURES: Final = (SQLAlchemyError, OSError, TimeoutError)

log = structlog.get_logger(__name__)


class JobFailed(Exception):  # noqa: N818 - read as a sentence
    """A duty's run failed; says what kind of error it was, and nothing that it held."""


class JobQueue(RedisQueue):
    """The jobs of all replicas."""

    def __init__(self, redis: Redis, ledger: Ledger, metrics: JobMetrics) -> None:
        super().__init__(redis, name=QUEUE, swept_error_message=_LOST)
        self._ledger = ledger
        self._metrics = metrics
        self._backoff = Backoff(longest=5.0)
        self.register_before_enqueue(_as_ours)

    async def run_now(self, name: str) -> None:
        """Have a duty done at once, beside its schedule; once, however often it is asked for."""
        await self.enqueue(name, key=f"now:{name}")

    async def dequeue(
        self,
        timeout: float = 0.0,  # noqa: ASYNC109 - SAQ's
        poll_interval: float = 0.0,
    ) -> Job | None:
        """Return the next job, or None; while Redis is away, after a pause."""
        try:
            job = await super().dequeue(timeout, poll_interval)
        except FAILURES as error:
            log.warning("jobs wait for redis", cause=type(error).__name__)
            await asyncio.sleep(self._backoff.next())
            return None
        self._backoff.reset()
        return job

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        """Take up again what workers left behind that are gone."""
        try:
            return await super().sweep(lock, abort)
        except FAILURES as error:
            log.warning("jobs wait for redis", cause=type(error).__name__)
            return []

    async def retry(self, job: Job, error: str | None) -> None:
        """Put a job back, to be done again after its backoff."""
        reason = _reason_in(error)
        log.warning("job is tried again", job=job.function, cause=reason, attempts=job.attempts)
        self._metrics.ended(job.function, "retried")
        await super().retry(job, reason)

    async def finish(
        self,
        job: Job,
        status: Status,
        *,
        result: Any = None,
        error: str | None = None,
        **kwargs: Any,
    ) -> None:
        """End a job; one that was given up is put among the dead letters first."""
        del result  # nobody asks for it
        if status is Status.COMPLETE:
            await super().finish(job, status, **kwargs)
            await self._tell_of_success(job)
            return
        reason = _reason_in(error)
        if not job.retryable and not await self._buried(job, reason):
            await self.retry(job, reason)
            return
        await super().finish(job, status, error=reason, **kwargs)

    async def write_worker_info(self, worker_id: str, info: WorkerInfo, ttl: int) -> None:
        """Write nothing: the metrics tell it."""

    async def _tell_of_success(self, job: Job) -> None:
        self._metrics.ended(job.function, "done")
        try:
            await self._ledger.succeeded(job.function)
        except _DATABASE_FAILURES as error:
            log.warning("dead letter stays", job=job.function, cause=type(error).__name__)

    async def _buried(self, job: Job, reason: str) -> bool:
        """Note that the job was given up. False: not now, so it must not be forgotten yet."""
        try:
            await self._ledger.failed(job.function, reason, job.attempts)
        except _DATABASE_FAILURES as error:
            log.warning("dead letter waits", job=job.function, cause=type(error).__name__)
            return False
        log.error("job given up", job=job.function, cause=reason, attempts=job.attempts)
        self._metrics.ended(job.function, "dead")
        return True


async def _as_ours(job: Job) -> None:
    job.timeout = TIMEOUT_SECONDS
    job.retries = ATTEMPTS
    job.retry_delay = FIRST_DELAY_SECONDS
    job.retry_backoff = LONGEST_DELAY_SECONDS
    job.ttl = -1  # what a finished job was, nobody asks Redis


def _reason_in(error: str | None) -> str:
    """Return the kind of an error from what SAQ keeps of it, which may be a whole traceback."""
    last = (error or "").strip().rpartition("\n")[2]
    return last.rpartition(": ")[2][:100] or "Unknown"
