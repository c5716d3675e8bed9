"""How the process is put together: what talks to whom, what runs beside what, how it ends."""

import asyncio
import gc
import signal
import socket
import time
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import kopf
import structlog
from kubernetes.aio.client import ApiClient, Configuration
from redis.asyncio import Redis

from moorage_api import collector
from moorage_api.base import now
from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.connection import connected
from moorage_api.kube.errors import KubernetesError
from moorage_api.live import LiveStates
from moorage_api.quantities import parse_duration, parse_quantity
from moorage_api.redis_client import make_redis
from moorage_operator import handlers
from moorage_operator.act import SESSION, Actor
from moorage_operator.admission import Limits
from moorage_operator.disruption import DisruptionBudgets
from moorage_operator.election import Election
from moorage_operator.feed import Feed
from moorage_operator.floods import Floods
from moorage_operator.gather import Gatherer
from moorage_operator.grants import Grants
from moorage_operator.health import Health, serving
from moorage_operator.line import Line
from moorage_operator.lister import Lister
from moorage_operator.metrics import Metrics
from moorage_operator.passes import Passes
from moorage_operator.reconciler import Reconciler
from moorage_operator.redis_users import RedisUsers
from moorage_operator.rounds import Rounds
from moorage_operator.settings import OperatorSettings
from moorage_operator.signs import Signs
from moorage_operator.store import Store
from moorage_operator.sweep import Sweep
from moorage_operator.teller import Teller
from moorage_operator.work import WorkQueue

_log = structlog.get_logger(__name__)
_PAUSE: Final = 2.0
"""Seconds until what must be there at the start is asked for again."""

_DRAIN_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Process:
    """What lives as long as the process, whether it works or stands by."""

    settings: OperatorSettings
    client: ApiClient
    api: KubernetesApi
    redis: Redis
    metrics: Metrics
    health: Health
    identity: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What works while the Lease is held. It begins with nothing known."""

    store: Store
    queue: WorkQueue
    feed: Feed
    passes: Passes
    rounds: Rounds
    lister: Lister
    sweep: Sweep
    states: LiveStates


async def run(settings: OperatorSettings) -> None:
    """Stand by or work until SIGTERM or SIGINT.

    Raises:
        LeaseLostError: another may work by now.
        ConfigException: there is no way to the API server.
        OSError: the port for health and metrics is taken.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    identity = settings.lease.identity or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    metrics, health = Metrics(), Health(time.monotonic)
    async with (
        connected("moorage-operator") as client,
        _redis(settings) as redis,
        serving(settings.http, health, metrics),
    ):
        api = KubernetesApi(client, metrics.wrote)
        process = Process(settings, client, api, redis, metrics, health, identity)
        election = Election(client, api, settings.lease, identity)
        collector.settle()  # it may stand by for long
        await election.lead(partial(_work, process, stop), stop)


async def _work(process: Process, stop: asyncio.Event) -> None:
    """Work until told to stop; what is in hand then is finished."""
    metrics, health = process.metrics, process.health
    health.leading = True
    health.beat()
    metrics.leading.set(1)
    parts = assemble(process)
    await _await_kind(process.api)
    parts.feed.look_at(*await _listed(parts.lister))
    with suppress(KubernetesError):
        await parts.sweep.run(parts.feed.look_at)
    # What is known now mostly stays: with ten thousand sessions a third of a second each time.
    gc.collect()
    collector.settle()
    health.loaded = True
    metrics.loaded.set(1)
    _log.info("working", sessions=len(parts.store))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in _loops(process, parts)]
        await asyncio.sleep(0)  # kopf ends what began after it
        tasks.append(group.create_task(_watch(process, parts, stop), name="kopf"))
        parts.feed.began.set()  # also if its lists will be empty
        await stop.wait()
        await parts.queue.drain(_DRAIN_SECONDS)
        for task in tasks:
            task.cancel()


def _loops(process: Process, parts: Parts) -> tuple[Coroutine[Any, Any, None], ...]:
    settings, metrics = process.settings, process.metrics
    sweep, resync = parse_duration(settings.sweep), parse_duration(settings.resync)
    return (
        parts.queue.run(parts.passes.do, settings.workers),
        parts.rounds.sweep(sweep, metrics.redis),
        parts.rounds.list_all(resync),
        parts.rounds.watch_memory(),
        parts.states.follow(parts.feed.hint, parts.rounds.hurry.set),
    )


def assemble(process: Process) -> Parts:
    """Put together what works while the Lease is held."""
    settings, api, redis = process.settings, process.api, process.redis
    store, line = Store(), Line(Limits(settings.limits.per_namespace, settings.limits.per_owner))
    queue, states = WorkQueue(time.monotonic), LiveStates(redis)
    feed = Feed(store, line, queue, time.monotonic)
    grants = Grants(redis, now)
    users = RedisUsers(
        redis,
        api,
        grants,
        now,
        session_url=settings.redis.session_url,
        prefix=f"session.{settings.lease.namespace}.{settings.lease.name}.",
    )
    signs, budgets = Signs(states, users, now), DisruptionBudgets(api.create)
    reconciler = Reconciler(
        Gatherer(store, api, signs, line, now),
        Actor(api, users, budgets, settings.pod, settings.redis.tls.ca),
        Teller(api, now, process.identity),
        now,
    )
    api.written = store.put
    process.metrics.observe(lambda: (each.session.status.phase for each in store), queue.__len__)
    lister = Lister(api, store, settings.namespaces)
    floods = Floods(redis, store, users, int(parse_quantity(settings.redis.session_memory)))
    sweep = Sweep(store, states, users, grants, signs, now)
    return Parts(
        store=store,
        queue=queue,
        feed=feed,
        passes=Passes(store, line, feed, reconciler, users, process.metrics),
        rounds=Rounds(store, line, feed, queue, sweep, budgets, lister, floods, process.health),
        lister=lister,
        sweep=sweep,
        states=states,
    )


async def _watch(process: Process, parts: Parts, stop: asyncio.Event) -> None:
    """Have kopf watch. It takes over the process' signals, so its end is the process' own."""
    login = partial(_login, process.client.configuration)
    registry = handlers.make_registry(parts.feed.take, login)
    await handlers.watch(registry, process.settings.namespaces, handlers.make_settings())
    stop.set()


async def _login(configuration: Configuration) -> kopf.ConnectionInfo:
    """Return for kopf how the client library logs in, with the token as it is now."""
    header = await configuration.get_api_key_with_prefix("BearerToken") or ""
    scheme, _, token = header.rpartition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        scheme=scheme or None,
        token=token or None,
    )


async def _await_kind(api: KubernetesApi) -> None:
    """Wait until the API server serves sessions."""
    while True:
        with suppress(KubernetesError):
            if await api.serves(SESSION):
                return
        _log.warning("the API server has no ClaudeSession: apply the CRDs (folder crds)")
        await asyncio.sleep(_PAUSE)


async def _listed(lister: Lister) -> set[str]:
    while True:
        try:
            return await lister.list()
        except KubernetesError as error:
            _log.warning("the first list failed", cause=str(error))
            await asyncio.sleep(_PAUSE)


@asynccontextmanager
async def _redis(settings: OperatorSettings) -> AsyncIterator[Redis]:
    redis = make_redis(
        settings.redis.url.get_secret_value(),
        client_name="moorage-operator",
        tls=settings.redis.tls.wanted,
    )
    try:
        yield redis
    finally:
        await redis.aclose()
