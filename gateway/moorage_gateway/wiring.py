"""Makes a process's context: opens what the gateway needs, in order, and closes it in reverse.

Two kinds of process: one that serves the API (``open_context``), as many as there have to be, and
one that records (``open_recording``). What the second does the first does too, unless the settings
say that it runs apart.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

import structlog
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.redis_client import make_redis
from moorage_api.tasks import end
from moorage_gateway.audit.pushes import PushCollector
from moorage_gateway.auth.logins import open_logins
from moorage_gateway.backends.interface import SessionBackend
from moorage_gateway.background import Background, Supervisor
from moorage_gateway.context import Accounts, Context, OpenBackend, Recording
from moorage_gateway.db.engine import open_engine, reading
from moorage_gateway.dead_letters.collector import Collector
from moorage_gateway.dead_letters.ledger import JobLedger
from moorage_gateway.files.client import RunnerFiles
from moorage_gateway.jobs.duties import Duty
from moorage_gateway.jobs.queue import JobQueue
from moorage_gateway.jobs.worker import WAIT_SECONDS, open_worker
from moorage_gateway.kept.answers import KeptAnswers
from moorage_gateway.kept.versions import Changes
from moorage_gateway.limits.counters import ProcessCounter, RedisCounter
from moorage_gateway.limits.limiter import Limiter
from moorage_gateway.limits.rules import rules_of
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.places import Places
from moorage_gateway.live.standing import StreamGuard
from moorage_gateway.live.watch import SessionWatch
from moorage_gateway.messages.writing import open_message_writer
from moorage_gateway.metrics.instruments import Metrics
from moorage_gateway.metrics.server import serve_metrics
from moorage_gateway.metrics.standing import Parts, Standing
from moorage_gateway.pipelined import Pipelined, open_pipelined
from moorage_gateway.recorder.recorder import Recorder, Traces
from moorage_gateway.relay.relay import Relay
from moorage_gateway.retention.retention import Retention
from moorage_gateway.sessions.adoption import Adoption
from moorage_gateway.settings import Settings
from moorage_gateway.tracing.provider import Tracing

_BRANCH_QUESTIONS = 4
_JOB_CONNECTIONS = 8
_STOP_SECONDS = 5

log = structlog.get_logger(__name__)


def _client(
    settings: Settings,
    name: str,
    *,
    timeout_seconds: float,
    pool_size: int,
    connect_timeout_seconds: float | None = None,
) -> Redis:
    """Return a client of Redis; by default it waits for a connection as the settings say."""
    if connect_timeout_seconds is None:
        connect_timeout_seconds = settings.redis.connect_timeout_seconds
    return make_redis(
        settings.redis_url.get_secret_value(),
        timeout_seconds=timeout_seconds,
        connect_timeout_seconds=connect_timeout_seconds,
        pool_size=pool_size,
        client_name=name,
        tls=settings.redis.tls.wanted,
    )


def _redis(settings: Settings) -> Redis:
    """Return the client for commands."""
    return _client(
        settings,
        "moorage-gateway",
        timeout_seconds=settings.redis.timeout_seconds,
        pool_size=settings.redis.pool_size,
    )


def _files_redis(settings: Settings) -> Redis:
    """Return a client for file operations, which wait: they must starve nobody else."""
    return _client(
        settings,
        "moorage-gateway-files",
        timeout_seconds=settings.files.timeout_seconds + settings.redis.timeout_seconds,
        pool_size=2 * settings.files.concurrency,
    )


def _jobs_redis(settings: Settings) -> Redis:
    """Return a client for background jobs, which wait for work."""
    return _client(
        settings,
        "moorage-gateway-jobs",
        timeout_seconds=WAIT_SECONDS + settings.redis.timeout_seconds,
        pool_size=_JOB_CONNECTIONS,
    )


@asynccontextmanager
async def _open_brief(settings: Settings) -> AsyncIterator[Pipelined]:
    """Yield questions that are given up sooner than others: one can do without their answers."""
    seconds = settings.limits.timeout_seconds
    async with (
        _client(
            settings,
            "moorage-gateway-limits",
            timeout_seconds=seconds,
            pool_size=settings.redis.pool_size,
            connect_timeout_seconds=seconds,
        ) as redis,
        open_pipelined(redis, seconds) as pipelined,
    ):
        yield pipelined


def _limiter(settings: Settings, pipelined: Pipelined) -> Limiter | None:
    if not settings.limits.enabled:
        return None
    return Limiter(rules_of(settings.limits), RedisCounter(pipelined), ProcessCounter())


def _places(settings: Settings) -> Places:
    return Places(settings.limits.streams if settings.limits.enabled else None)


@dataclass(frozen=True, slots=True)
class _Base:
    """What every process has."""

    settings: Settings
    clock: Callable[[], datetime]
    metrics: Metrics
    engine: AsyncEngine
    redis: Redis
    changes: Changes
    closing: asyncio.Event
    stack: AsyncExitStack

    async def enter(self, open_backend: OpenBackend) -> tuple[SessionBackend, Hub, SessionWatch]:
        """Open what follows the sessions."""
        opened = open_backend(self.settings, self.redis, self.metrics)
        backend = await self.stack.enter_async_context(opened)
        hub = Hub(self.redis, self.closing, self.metrics.live, _places(self.settings))
        return backend, hub, SessionWatch(backend, hub)

    async def run(self, tasks: list[Background]) -> Supervisor:
        """Run the background tasks until the end."""
        supervisor = Supervisor(tasks)
        running = asyncio.create_task(supervisor.run(), name="background")
        self.stack.push_async_callback(_stop, running)
        return supervisor

    async def show(self, parts: Parts) -> None:
        """Show the metrics until the end."""
        standing = Standing(parts)
        await self.stack.enter_async_context(
            serve_metrics(self.settings.metrics, self.metrics, standing)
        )


@asynccontextmanager
async def _open_base(
    settings: Settings, clock: Callable[[], datetime], metrics: Metrics
) -> AsyncIterator[_Base]:
    if settings.database.migrate_at_start:
        from moorage_gateway.db.migrate import migrate  # noqa: PLC0415 - brings Alembic

        await asyncio.to_thread(migrate, settings.database_location, settings.database)
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(
            open_engine(settings.database_location, settings.database)
        )
        redis = await stack.enter_async_context(_redis(settings))
        pipelined = await stack.enter_async_context(
            open_pipelined(redis, settings.redis.timeout_seconds)
        )
        changes = Changes(engine, pipelined)
        yield _Base(settings, clock, metrics, engine, redis, changes, asyncio.Event(), stack)


@asynccontextmanager
async def open_context(
    settings: Settings,
    open_backend: OpenBackend,
    clock: Callable[[], datetime],
    metrics: Metrics,
    tracing: Tracing | None = None,
) -> AsyncIterator[Context]:
    """Yield the context of a process that serves the API, with its background tasks running."""
    async with _open_base(settings, clock, metrics) as base:
        stack, engine, redis = base.stack, base.engine, base.redis
        files_redis = await stack.enter_async_context(_files_redis(settings))
        files = RunnerFiles(files_redis, settings.files)
        logins = await stack.enter_async_context(open_logins(settings, engine, clock))
        brief = await stack.enter_async_context(_open_brief(settings))
        backend, hub, watch = await base.enter(open_backend)
        keep_keys = timedelta(hours=settings.http.idempotency_hours)
        messages = await stack.enter_async_context(open_message_writer(base.changes, keep_keys))
        relay = Relay(redis, engine, clock, metrics.relay)
        stack.push_async_callback(relay.close)
        tasks = [
            Background("relay", relay.run),
            Background("hub", hub.run),
            Background("watch", watch.run),
        ]
        recorder = None
        if settings.recorder.enabled:
            recorder = _recorder(base, hub, watch, tracing)
            tasks += _needed_once(base, backend, recorder)
        if logins is not None:
            guard = StreamGuard(hub, engine, clock, settings.login.recheck_seconds, settings.oidc)
            tasks.append(Background("stream-guard", guard.run))
        supervisor = await base.run(tasks)
        jobs_redis = await stack.enter_async_context(_jobs_redis(settings))
        jobs = JobQueue(jobs_redis, JobLedger(engine, clock), metrics.jobs)
        collector = Collector(redis, engine, backend, clock)
        retention = Retention(engine, backend, clock, settings, metrics.retention)
        duties = [
            Duty("remove-what-is-over", "*/10 * * * *", retention.once),
            Duty("collect-given-up-inputs", "* * * * *", collector.collect),
            Duty("record-pushes", "* * * * *", PushCollector(redis, engine).collect),
        ]
        await stack.enter_async_context(open_worker(jobs, duties))
        await base.show(Parts(engine, {"redis": redis, "redis_files": files_redis}, hub, recorder))
        yield Context(
            settings=settings,
            engine=engine,
            reads=reading(engine),
            redis=redis,
            pipelined=base.changes.pipelined,
            changes=base.changes,
            answers=KeptAnswers(backend, brief),
            backend=backend,
            messages=messages,
            relay=relay,
            jobs=jobs,
            files=files,
            logins=logins,
            limiter=_limiter(settings, brief),
            branch_slots=asyncio.Semaphore(_BRANCH_QUESTIONS),
            hub=hub,
            watch=watch,
            supervisor=supervisor,
            metrics=metrics,
            clock=clock,
            version=version("moorage"),
            started_at=clock(),
            closing=base.closing,
        )


@asynccontextmanager
async def open_recording(
    settings: Settings,
    open_backend: OpenBackend,
    clock: Callable[[], datetime],
    metrics: Metrics,
    tracing: Tracing | None = None,
) -> AsyncIterator[Recording]:
    """Yield the context of a process that records, with its background tasks running."""
    async with _open_base(settings, clock, metrics) as base:
        backend, hub, watch = await base.enter(open_backend)
        recorder = _recorder(base, hub, watch, tracing)
        supervisor = await base.run(
            [
                Background("hub", hub.run),
                Background("watch", watch.run),
                *_needed_once(base, backend, recorder),
            ]
        )
        await base.show(Parts(base.engine, {"redis": base.redis}, hub, recorder))
        yield Recording(
            engine=base.engine,
            redis=base.redis,
            backend=backend,
            supervisor=supervisor,
            clock=clock,
            version=version("moorage"),
            started_at=clock(),
            closing=base.closing,
        )


def _recorder(base: _Base, hub: Hub, watch: SessionWatch, tracing: Tracing | None) -> Recorder:
    spans = _turn_spans(tracing, base.engine)
    return Recorder(hub, base.changes, watch, base.clock, base.metrics.recorder, spans)


def _needed_once(base: _Base, backend: SessionBackend, recorder: Recorder) -> list[Background]:
    """Return what some process has to do; that several do it does no harm."""
    return [
        Background("recorder", recorder.run),
        Background("adoption", Adoption(base.changes, backend).run),
    ]


@asynccontextmanager
async def open_accounts(
    settings: Settings, clock: Callable[[], datetime]
) -> AsyncIterator[Accounts]:
    """Yield what logging in needs, and nothing that runs."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(
            open_engine(settings.database_location, settings.database)
        )
        logins = await stack.enter_async_context(open_logins(settings, engine, clock))
        brief = await stack.enter_async_context(_open_brief(settings))
        yield Accounts(engine, logins, _limiter(settings, brief), clock, clock())


def _turn_spans(tracing: Tracing | None, engine: AsyncEngine) -> Traces | None:
    if tracing is None:
        return None
    from moorage_gateway.tracing.turns import TurnSpans  # noqa: PLC0415 - brings OpenTelemetry

    return TurnSpans(tracing, engine)


async def _stop(background: asyncio.Task[None]) -> None:
    """End the background tasks; the process ends also if they do not."""
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await end(background, below=True)
    except TimeoutError:
        log.error("background tasks do not end")  # noqa: TRY400 - a trace would say nothing
