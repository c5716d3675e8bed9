"""What Prometheus can ask of the operator, in a registry of this process' own."""

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from moorage_api.kube.errors import (
    ObjectGoneError,
    RefusedError,
    UnavailableError,
    ViewOutdatedError,
)
from moorage_api.resources import Phase

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
_SLOW: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600)
_REASONS: Final[Mapping[type[Exception], str]] = {
    ViewOutdatedError: "view-outdated",
    ObjectGoneError: "object-gone",
    RefusedError: "refused",
    UnavailableError: "unavailable",
}


class Metrics:
    """All metrics, each named moorage_operator_*."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.leading = self._gauge("leading", "1 while this process holds the Lease and works.")
        self.leading.set(0)
        self.loaded = self._gauge("loaded", "1 once all there was at the start has been listed.")
        self.loaded.set(0)
        self._time_to_ready = self._histogram(
            "time_to_ready_seconds",
            "From a session's creation to its first Ready.",
            _SLOW,
        )
        self._reconcile = self._histogram(
            "reconcile_seconds", "How long one pass for one session took.", _FAST
        )
        self._errors = self._counter(
            "reconcile_errors", "Passes that failed, by what was wrong.", ("reason",)
        )
        self._writes = self._counter(
            "api_writes", "Writes to the Kubernetes API.", ("verb", "kind")
        )
        self._redis = self._gauge("redis_up", "1 while Redis answers.")
        self._redis.set(0)

    def observe(self, phases: Callable[[], Iterator[Phase]], queued: Callable[[], int]) -> None:
        """Have the number of sessions by phase and of those queued counted when asked for."""
        self.registry.register(_Standing(phases, queued))

    def passed(self, seconds: float, error: Exception | None = None) -> None:
        """Count a pass."""
        self._reconcile.observe(seconds)
        if error is not None:
            self._errors.labels(_REASONS.get(type(error), "fault")).inc()

    def wrote(self, verb: str, kind: str) -> None:
        """Count a write to the API."""
        self._writes.labels(verb, kind).inc()

    def became_ready(self, seconds: float) -> None:
        """Count a session that is Ready for the first time."""
        self._time_to_ready.observe(seconds)

    def redis(self, up: bool) -> None:
        """Tell whether Redis answers."""
        self._redis.set(up)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"moorage_operator_{name}", text, registry=self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"moorage_operator_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        full = f"moorage_operator_{name}"
        return Histogram(full, text, buckets=buckets, registry=self.registry)


class _Standing(Collector):
    """Counts sessions at the moment that somebody asks."""

    def __init__(self, phases: Callable[[], Iterator[Phase]], queued: Callable[[], int]) -> None:
        self._phases = phases
        self._queued = queued

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the gauges."""
        tally = Tally(self._phases())
        sessions = GaugeMetricFamily(
            "moorage_operator_sessions", "Sessions by phase.", labels=["phase"]
        )
        for phase in Phase:
            sessions.add_metric([phase.value], tally[phase])
        yield sessions
        yield GaugeMetricFamily(
            "moorage_operator_queue_length", "Sessions to be looked at now.", value=self._queued()
        )
