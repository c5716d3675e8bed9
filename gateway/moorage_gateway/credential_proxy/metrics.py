"""What the proxy counts. Labels have few values; no session, user or repository is one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.aiohttp import make_aiohttp_handler

from moorage_gateway.credential_proxy.usage import Usage

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Everything counted, on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.in_progress = Gauge(
            "moorage_proxy_requests_in_progress",
            "Requests that are being answered.",
            registry=self.registry,
        )
        self.refusals = Counter(
            "moorage_proxy_refusals",
            "Requests that the proxy itself refused, by the kind of error.",
            ["kind"],
            registry=self.registry,
        )
        self._answers = Counter(
            "moorage_proxy_model_answers",
            "Answers of upstreams; status 0: none came.",
            ["upstream", "status"],
            registry=self.registry,
        )
        self._first = Histogram(
            "moorage_proxy_model_first_byte_seconds",
            "Time from a request's being sent to the first byte of its answer.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._tokens = Counter(
            "moorage_proxy_model_tokens",
            "Tokens metered.",
            ["kind"],
            registry=self.registry,
        )
        self._dollars = Counter(
            "moorage_proxy_model_cost_usd", "US dollars metered.", registry=self.registry
        )

    def answered(
        self, upstream: str, status: int, first: float, used: Usage | None, cost: int
    ) -> None:
        """Count an answer of the model."""
        self._answers.labels(upstream, str(status)).inc()
        self._first.observe(first)
        if used is not None:
            self._tokens.labels("input").inc(used.input)
            self._tokens.labels("cache_read").inc(used.cache_read)
            self._tokens.labels("cache_write").inc(used.cache_write)
            self._tokens.labels("output").inc(used.output)
            self._dollars.inc(cost / 1_000_000)


@asynccontextmanager
async def showing(metrics: Metrics, host: str, port: int | None) -> AsyncIterator[int | None]:
    """Show GET /metrics while this is open, if there is a port for it; yields the port.

    Raises:
        OSError: the port is another's.
    """
    if port is None:
        yield None
        return
    application = web.Application()
    application.add_routes([web.get("/metrics", make_aiohttp_handler(metrics.registry))])
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
