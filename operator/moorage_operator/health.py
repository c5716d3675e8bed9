"""Health and metrics over HTTP, also of an operator that only stands by."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from moorage_operator.metrics import Metrics
from moorage_operator.settings import HttpSettings

_STUCK_SECONDS: Final = 300.0
"""After so long without an end of a sweep, or a try of one, the process is taken for stuck."""


class Health:
    """Whether the process does its work."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self.leading = False
        self.loaded = False

    def beat(self) -> None:
        """Note that the work goes on."""
        self._last = self._clock()

    @property
    def alive(self) -> bool:
        """Whether it should be left alone. An operator that stands by only has to answer."""
        return not self.leading or self._clock() - self._last < _STUCK_SECONDS

    @property
    def ready(self) -> bool:
        """Whether it stands by, or works on all there is."""
        return not self.leading or self.loaded


@asynccontextmanager
async def serving(settings: HttpSettings, health: Health, metrics: Metrics) -> AsyncIterator[None]:
    """Serve /healthz, /readyz and /metrics while the block runs.

    Raises:
        OSError: if the address is taken.
    """
    application = web.Application()
    application.add_routes(
        [
            web.get("/healthz", _answer(lambda: health.alive)),
            web.get("/readyz", _answer(lambda: health.ready)),
            web.get("/metrics", make_aiohttp_handler(metrics.registry)),
        ]
    )
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        yield
    finally:
        await asyncio.shield(runner.cleanup())


def _answer(good: Callable[[], bool]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if good() else web.Response(status=503, text="not ok\n")

    return handle
