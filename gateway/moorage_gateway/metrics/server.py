"""GET /metrics: Prometheus text on a port of its own, which the outside does not reach."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moorage_gateway.metrics.instruments import Metrics
from moorage_gateway.metrics.standing import Standing
from moorage_gateway.settings import MetricsSettings

_END_SECONDS: Final = 2

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """A server beside another one: signals are the other's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def metrics_app(metrics: Metrics, standing: Standing) -> Starlette:
    """Return the application that shows the metrics."""
    metrics.registry.register(standing)

    async def show(request: Request) -> Response:
        del request
        await standing.look()
        text = generate_latest(metrics.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/metrics", show)])


@asynccontextmanager
async def serve_metrics(
    settings: MetricsSettings, metrics: Metrics, standing: Standing
) -> AsyncIterator[int | None]:
    """Show metrics while this is open, if the settings say where; yields the port.

    Raises:
        OSError: if the port is another's.
    """
    if settings.port is None:
        yield None
        return
    listener = socket.create_server((settings.host, settings.port))
    config = uvicorn.Config(
        metrics_app(metrics, standing),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_END_SECONDS,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="metrics")
    port: int = listener.getsockname()[1]
    log.info("metrics are shown", host=settings.host, port=port)
    try:
        yield port
    finally:
        server.should_exit = True
        await asyncio.wait([serving], timeout=2 * _END_SECONDS)
        serving.cancel()
