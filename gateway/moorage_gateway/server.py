"""Serves the application with uvicorn, and ends it without losing what is under way.

The end, after SIGTERM: live streams are told to come back (to another replica), readiness says no,
and for a while requests are still taken, each connection closed after its next answer, so that
proxies and clients leave by themselves. Then the port is closed, requests under way are finished
for a bounded time, and the context is closed. A second SIGINT hurries.
"""

import asyncio
import gc
import signal
import socket
from typing import Final, NoReturn

import uvicorn
from starlette.applications import Starlette

from moorage_api import collector
from moorage_gateway.connection import connection_for
from moorage_gateway.context import Context
from moorage_gateway.settings import Settings

_LOOK_SECONDS: Final = 0.05


class Server(uvicorn.Server):
    """A server that drains before it ends."""

    drain_seconds: float = 0.0

    async def main_loop(self) -> None:
        """Serve until it has to end."""
        if not gc.isenabled():  # held since the process began: all that stays is there now
            gc.collect()
            collector.settle()
        await super().main_loop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: streams, then new requests, then open ones (for a bounded time), then the rest."""
        app = self.config.app
        context = getattr(app.state, "context", None) if isinstance(app, Starlette) else None
        if isinstance(context, Context):
            context.closing.set()
            await self._drain()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        """Take requests for a while longer, unless the end is hurried."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.drain_seconds
        # uvicorn's signal handler sets an attribute and no event.
        while loop.time() < end and not self.force_exit:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)


def make_server(app: Starlette, settings: Settings) -> Server:
    """Return a server for ``app``; ``await server.serve()`` runs it until SIGINT or SIGTERM."""
    server = Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=connection_for(settings.http.receive_seconds),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=settings.http.trusted_proxies,
            timeout_keep_alive=settings.http.keep_alive_seconds,
            timeout_graceful_shutdown=int(settings.http.shutdown_seconds) or 1,
        )
    )
    server.drain_seconds = settings.http.drain_seconds
    return server


def serve(app: Starlette, settings: Settings) -> int:
    """Run the server; returns the process's exit code."""
    server = make_server(app, settings)
    # uvicorn raises the signal that ended it once more: an orderly end is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    server.run()
    return 0 if server.started else 1


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)
