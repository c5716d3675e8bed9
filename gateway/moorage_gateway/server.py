"""Serves the application with uvicorn; at the end live streams are closed before anything else."""

import socket

import uvicorn
from fastapi import FastAPI

from moorage_gateway.context import Context
from moorage_gateway.settings import Settings


class Server(uvicorn.Server):
    """A server that first tells the live streams to end: they would otherwise hold it open."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: streams, then open requests (for a bounded time), then the context."""
        app = self.config.app
        context = getattr(app.state, "context", None) if isinstance(app, FastAPI) else None
        if isinstance(context, Context):
            context.closing.set()
        await super().shutdown(sockets)


def make_server(app: FastAPI, settings: Settings) -> Server:
    """Return a server for ``app``; ``await server.serve()`` runs it until SIGINT or SIGTERM."""
    return Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(settings.http.shutdown_seconds) or 1,
        )
    )


def serve(app: FastAPI, settings: Settings) -> int:
    """Run the server; returns the process's exit code."""
    server = make_server(app, settings)
    server.run()
    return 0 if server.started else 1
