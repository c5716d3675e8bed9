"""How things stand at the moment of a scrape: clients, queues, pools. Read, not counted."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.asyncio import Redis
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.base import now
from moorage_gateway.db.statistics import pool_statistics
from moorage_gateway.dead_letters.repository import LetterRepository
from moorage_gateway.live.hub import Hub
from moorage_gateway.recorder.recorder import Recorder
from moorage_gateway.relay.repository import QueueDepth, queue_depth

_PATIENCE: Final = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is looked at."""

    engine: AsyncEngine
    redis: Mapping[str, Redis]
    hub: Hub
    recorder: Recorder | None
    """None: another process records."""


class Standing(Collector):
    """Gauges of how the process and its queue stand."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._queue: QueueDepth | None = None
        self._letters: dict[str, int] | None = None

    async def look(self) -> None:
        """Ask for what has to be waited for; where that fails it is left out."""
        self._queue, self._letters = None, None
        try:
            async with asyncio.timeout(_PATIENCE):
                async with self._parts.engine.connect() as connection:
                    self._queue = await queue_depth(connection)
                    self._letters = await LetterRepository(connection).counts()
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("the queue could not be measured", cause=type(error).__name__)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges."""
        counts = self._parts.hub.counts
        yield _gauge("moorage_stream_clients", "Streams that clients hold open.", counts["clients"])
        yield _gauge(
            "moorage_streamed_sessions", "Sessions whose events are read here.", counts["sessions"]
        )
        yield _gauge(
            "moorage_hub_connected",
            "Whether the reader of events reaches Redis.",
            int(self._parts.hub.connected),
        )
        yield from self._recorder()
        if self._queue is not None:
            yield from _queue(self._queue)
        if self._letters is not None:
            yield _letters(self._letters)
        yield from self._pools()

    def _recorder(self) -> Iterable[GaugeMetricFamily]:
        recorder = self._parts.recorder
        if recorder is None:
            return
        yield _gauge(
            "moorage_recorder_lag_seconds",
            "How long the recorder has known of the oldest event that is not in the database.",
            recorder.lag_seconds,
        )
        yield _gauge(
            "moorage_recorder_sessions_behind",
            "Sessions with events that may not be in the database.",
            recorder.behind,
        )
        yield _gauge(
            "moorage_recorder_retries", "Writes that had to be repeated.", recorder.writer.failures
        )

    def _pools(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "moorage_pool_connections",
            "Connections to the database and to Redis.",
            labels=["pool", "state"],
        )
        pool = pool_statistics(self._parts.engine)
        family.add_metric(["database", "in_use"], pool.in_use)
        family.add_metric(["database", "idle"], pool.idle)
        family.add_metric(["database", "most"], pool.capacity)
        for name, redis in self._parts.redis.items():
            connections: Any = redis.connection_pool
            idle, in_use = (count for count, _ in connections.get_connection_count())
            family.add_metric([name, "in_use"], in_use)
            family.add_metric([name, "idle"], idle)
            family.add_metric([name, "most"], connections.max_connections)
        yield family


def _queue(depth: QueueDepth) -> Iterable[GaugeMetricFamily]:
    family = GaugeMetricFamily(
        "moorage_queue_inputs",
        "Inputs in the queue, for all replicas: not sent to a session yet, or sent and not taken.",
        labels=["state"],
    )
    family.add_metric(["unsent"], depth.unsent)
    family.add_metric(["untaken"], depth.untaken)
    yield family
    yield _gauge(
        "moorage_queue_oldest_unsent_seconds",
        "Age of the oldest input that was not sent.",
        depth.age_seconds(now()),
    )


def _letters(counts: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "moorage_dead_letters",
        "What was given up and waits for an admin, for all replicas.",
        labels=["kind"],
    )
    for kind in ("job", "input"):
        family.add_metric([kind], counts.get(kind, 0))
    return family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
