"""The process that records: what is needed once, without the API. It answers about its health."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from moorage_api.base import WireModel, now
from moorage_gateway.app import BASE
from moorage_gateway.context import OpenBackend
from moorage_gateway.health.schemas import Live
from moorage_gateway.health.service import HealthService
from moorage_gateway.metrics.instruments import Metrics
from moorage_gateway.settings import Settings
from moorage_gateway.tracing.provider import open_tracing
from moorage_gateway.wiring import open_recording


def create_recording(
    settings: Settings, open_backend: OpenBackend, clock: Callable[[], datetime] = now
) -> Starlette:
    """Return the application; it opens what it needs, and records, when it starts."""
    metrics = Metrics()
    tracing = open_tracing(settings.tracing, version("moorage"))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            async with open_recording(settings, open_backend, clock, metrics, tracing) as recording:
                app.state.context = recording
                yield
        finally:
            if tracing is not None:
                await tracing.close()

    routes = [
        Route(f"{BASE}/health", _health),
        Route(f"{BASE}/health/live", _live),
        Route(f"{BASE}/health/ready", _ready),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _health(request: Request) -> Response:
    found = await HealthService(request.app.state.context).health()
    return _answer(found, well=found.status != "unhealthy")


async def _live(request: Request) -> Response:
    return _answer(Live(timestamp=request.app.state.context.clock()), well=True)


async def _ready(request: Request) -> Response:
    found = await HealthService(request.app.state.context).ready()
    return _answer(found, well=found.ready)


def _answer(body: WireModel, *, well: bool) -> Response:
    return JSONResponse(body.model_dump(mode="json", by_alias=True), 200 if well else 503)
