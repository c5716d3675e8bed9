"""What is counted and timed, one class per part of the gateway.

Labels have few values: a route's template and never a path, methods and statuses that exist,
reasons of a fixed list. Ids of users and sessions are no labels.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

_REQUEST_BUCKETS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30
)  # fmt: skip
_LAG_BUCKETS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300
)  # fmt: skip
_END_REASONS: Final = ("left", "slow", "deleted", "shutdown")
_RESTART_REASONS: Final = ("listed", "expired", "failed")


class HttpMetrics:
    """Requests, by route."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.seconds = Histogram(
            "moorage_http_request_duration_seconds",
            "Time from the request to the end of its answer; of a stream, to its beginning.",
            ["method", "route"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.requests = Counter(
            "moorage_http_requests",
            "Requests that were answered. Error rates come from the status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.in_progress = Gauge(
            "moorage_http_requests_in_progress",
            "Requests that are being answered; streams not.",
            registry=registry,
        )
        kept = Counter(
            "moorage_http_kept_answers",
            "Answers about sessions: given again as they were, or made.",
            ["how"],
            registry=registry,
        )
        self.given_again = kept.labels("given_again")
        self.made = kept.labels("made")
        self.refusals = Counter(
            "moorage_rate_limit_refusals",
            "Requests refused because there were too many (429).",
            ["route"],
            registry=registry,
        )


class LiveMetrics:
    """Events on their way to clients."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._lag = Histogram(
            "moorage_event_send_lag_seconds",
            "From the writing of an event to its being sent to the clients that follow live. "
            "It compares two machines' clocks.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._events = Counter(
            "moorage_events_sent",
            "Events sent to the clients of a session, once for all of them.",
            registry=registry,
        )
        self._ends = Counter(
            "moorage_stream_ends",
            "Streams that ended: the client left, was too slow, its session was deleted, or the "
            "process ends.",
            ["reason"],
            registry=registry,
        )
        for reason in _END_REASONS:
            self._ends.labels(reason)

    def sent(self, count: int, lag_seconds: float) -> None:
        """Count events that were sent together, the oldest of them written so long ago."""
        self._events.inc(count)
        self._lag.observe(max(lag_seconds, 0.0))

    def ended(self, reason: str | None) -> None:
        """Count a stream that ended; without a reason the client left."""
        self._ends.labels(reason or "left").inc()


class RecorderMetrics:
    """Events on their way into the database."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._lag = Histogram(
            "moorage_recorder_write_lag_seconds",
            "From the writing of an event to its being in the database.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._events = Counter(
            "moorage_events_recorded", "Events written to the database.", registry=registry
        )

    def recorded(self, count: int, lags_seconds: Sequence[float]) -> None:
        """Count events that were written in one transaction, and how late each page was."""
        self._events.inc(count)
        for lag in lags_seconds:
            self._lag.observe(max(lag, 0.0))


class RelayMetrics:
    """Inputs on their way to the sessions."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._sent = Counter(
            "moorage_queue_inputs_sent",
            "Inputs (messages, decisions, interrupts) taken from the queue to sessions' inboxes.",
            registry=registry,
        )

    def sent(self, count: int) -> None:
        """Count inputs that were sent."""
        self._sent.inc(count)


class JobMetrics:
    """Background jobs."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._runs = Counter(
            "moorage_job_runs",
            "Runs of background jobs: done, retried (failed, to be tried again), or dead (given "
            "up).",
            ["job", "outcome"],
            registry=registry,
        )

    def ended(self, job: str, outcome: str) -> None:
        """Count a run."""
        self._runs.labels(job, outcome).inc()


class RetentionMetrics:
    """Rows that were removed because they were over."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._rows = Counter(
            "moorage_rows_removed",
            "Rows removed because their time was over, what hung on them not counted.",
            ["table"],
            registry=registry,
        )

    def removed(self, table: str, count: int) -> None:
        """Count rows of a table."""
        self._rows.labels(table).inc(count)


class BackendMetrics:
    """The watch of the sessions in a cluster."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._restarts = Counter(
            "moorage_watch_restarts",
            "Beginnings anew of the watch of sessions: all was listed, what happened since was not "
            "known any more (expired), or the API server failed.",
            ["reason"],
            registry=registry,
        )
        for reason in _RESTART_REASONS:
            self._restarts.labels(reason)
        self.unreadable = Gauge(
            "moorage_sessions_unreadable",
            "Sessions in the cluster that this version cannot read: they are left out.",
            registry=registry,
        )

    def restarted(self, reason: str) -> None:
        """Count a beginning anew."""
        self._restarts.labels(reason).inc()


class Metrics:
    """Everything that one process measures."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.http = HttpMetrics(self.registry)
        self.live = LiveMetrics(self.registry)
        self.recorder = RecorderMetrics(self.registry)
        self.relay = RelayMetrics(self.registry)
        self.jobs = JobMetrics(self.registry)
        self.retention = RetentionMetrics(self.registry)
        self.backend = BackendMetrics(self.registry)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
