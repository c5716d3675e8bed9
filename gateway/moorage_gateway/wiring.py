"""Makes a process's context: opens what the gateway needs, in order, and closes it in reverse."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from importlib.metadata import version

import structlog
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.redis_client import make_redis
from moorage_gateway.auth.logins import open_logins
from moorage_gateway.background import Background, Supervisor
from moorage_gateway.context import Context, OpenBackend
from moorage_gateway.db.engine import open_engine
from moorage_gateway.db.migrate import migrate
from moorage_gateway.dead_letters.collector import Collector
from moorage_gateway.dead_letters.ledger import JobLedger
from moorage_gateway.files.client import RunnerFiles
from moorage_gateway.jobs.duties import Duty
from moorage_gateway.jobs.queue import JobQueue
from moorage_gateway.jobs.worker import WAIT_SECONDS, open_worker
from moorage_gateway.limits.counters import ProcessCounter, RedisCounter
from moorage_gateway.limits.limiter import Limiter
from moorage_gateway.limits.rules import rules_of
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.standing import StreamGuard
from moorage_gateway.live.watch import SessionWatch
from moorage_gateway.metrics.instruments import Metrics
from moorage_gateway.metrics.server import serve_metrics
from moorage_gateway.metrics.standing import Parts, Standing
from moorage_gateway.recorder.recorder import Recorder, Traces
from moorage_gateway.relay.relay import Relay
from moorage_gateway.retention.retention import Retention
from moorage_gateway.settings import Settings
from moorage_gateway.tracing.provider import Tracing

_BRANCH_QUESTIONS = 4
_JOB_CONNECTIONS = 8
_STOP_SECONDS = 0.1
_STOP_TRIES = 50

log = structlog.get_logger(__name__)


def _redis(settings: Settings) -> Redis:
    """Return the client for commands."""
    return make_redis(
        settings.redis_url.get_secret_value(),
        timeout_seconds=settings.redis.timeout_seconds,
        connect_timeout_seconds=settings.redis.connect_timeout_seconds,
        pool_size=settings.redis.pool_size,
        client_name="moorage-gateway",
    )


def _files_redis(settings: Settings) -> Redis:
    """Return a client for file operations, which wait: they must starve nobody else."""
    return make_redis(
        settings.redis_url.get_secret_value(),
        timeout_seconds=settings.files.timeout_seconds + settings.redis.timeout_seconds,
        connect_timeout_seconds=settings.redis.connect_timeout_seconds,
        pool_size=2 * settings.files.concurrency,
        client_name="moorage-gateway-files",
    )


def _jobs_redis(settings: Settings) -> Redis:
    """Return a client for background jobs, which wait for work."""
    return make_redis(
        settings.redis_url.get_secret_value(),
        timeout_seconds=WAIT_SECONDS + settings.redis.timeout_seconds,
        connect_timeout_seconds=settings.redis.connect_timeout_seconds,
        pool_size=_JOB_CONNECTIONS,
        client_name="moorage-gateway-jobs",
    )


@asynccontextmanager
async def _open_limiter(settings: Settings) -> AsyncIterator[Limiter | None]:
    """Yield the limiter, with a client of its own: it waits for less long than others."""
    if not settings.limits.enabled:
        yield None
        return
    async with make_redis(
        settings.redis_url.get_secret_value(),
        timeout_seconds=settings.limits.timeout_seconds,
        connect_timeout_seconds=settings.limits.timeout_seconds,
        pool_size=settings.redis.pool_size,
        client_name="moorage-gateway-limits",
    ) as redis:
        yield Limiter(rules_of(settings.limits), RedisCounter(redis), ProcessCounter())


@asynccontextmanager
async def open_context(
    settings: Settings,
    open_backend: OpenBackend,
    clock: Callable[[], datetime],
    metrics: Metrics,
    tracing: Tracing | None = None,
) -> AsyncIterator[Context]:
    """Yield the context, with its background tasks running."""
    if settings.database.migrate_at_start:
        await asyncio.to_thread(migrate, settings.database_location, settings.database)
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(
            open_engine(settings.database_location, settings.database)
        )
        redis = await stack.enter_async_context(_redis(settings))
        files_redis = await stack.enter_async_context(_files_redis(settings))
        files = RunnerFiles(
            files_redis,
            timeout_seconds=settings.files.timeout_seconds,
            concurrency=settings.files.concurrency,
        )
        logins = await stack.enter_async_context(open_logins(settings, engine, clock))
        limiter = await stack.enter_async_context(_open_limiter(settings))
        backend = await stack.enter_async_context(open_backend(settings, redis))
        closing = asyncio.Event()
        relay = Relay(redis, engine, clock, metrics.relay)
        hub = Hub(redis, closing, metrics.live)
        watch = SessionWatch(backend, hub)
        recorder = Recorder(
            hub, engine, watch, clock, metrics.recorder, _turn_spans(tracing, engine)
        )
        standing = Standing(
            Parts(engine, {"redis": redis, "redis_files": files_redis}, hub, recorder)
        )
        tasks = [
            Background("relay", relay.run),
            Background("hub", hub.run),
            Background("watch", watch.run),
            Background("recorder", recorder.run),
        ]
        if logins is not None:
            guard = StreamGuard(hub, engine, clock, settings.login.recheck_seconds)
            tasks.append(Background("stream-guard", guard.run))
        supervisor = Supervisor(tasks)
        running = asyncio.create_task(supervisor.run(), name="background")
        stack.push_async_callback(_stop, running)
        jobs_redis = await stack.enter_async_context(_jobs_redis(settings))
        jobs = JobQueue(jobs_redis, JobLedger(engine, clock), metrics.jobs)
        collector = Collector(redis, engine, backend, clock)
        retention = Retention(engine, backend, clock, settings, metrics.retention)
        duties = [
            Duty("remove-what-is-over", "*/10 * * * *", retention.once),
            Duty("collect-given-up-inputs", "* * * * *", collector.collect),
        ]
        await stack.enter_async_context(open_worker(jobs, duties))
        await stack.enter_async_context(serve_metrics(settings.metrics, metrics, standing))
        yield Context(
            settings=settings,
            engine=engine,
            redis=redis,
            backend=backend,
            relay=relay,
            jobs=jobs,
            files=files,
            logins=logins,
            limiter=limiter,
            branch_slots=asyncio.Semaphore(_BRANCH_QUESTIONS),
            hub=hub,
            watch=watch,
            supervisor=supervisor,
            metrics=metrics,
            clock=clock,
            version=version("moorage"),
            started_at=clock(),
            closing=closing,
        )


def _turn_spans(tracing: Tracing | None, engine: AsyncEngine) -> Traces | None:
    if tracing is None:
        return None
    from moorage_gateway.tracing.turns import TurnSpans  # noqa: PLC0415 - brings OpenTelemetry

    return TurnSpans(tracing, engine)


async def _stop(background: asyncio.Task[None]) -> None:
    """Cancel the background tasks until they have ended.

    In Python 3.11 asyncio.wait_for, which redis-py uses for every write, may lose a cancellation:
    whoever missed it is told again.
    """
    background.cancel()
    for _ in range(_STOP_TRIES):
        await asyncio.wait([background], timeout=_STOP_SECONDS)
        if background.done():
            return
        for task in asyncio.all_tasks():
            if task.cancelling() and task is not asyncio.current_task():
                task.cancel()
    log.error("background tasks do not end")
