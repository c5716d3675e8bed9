"""The process: serves until SIGTERM, then lets answers under way come to their end."""

import asyncio
import signal
import sys

import structlog
import uvloop
from aiohttp import web

from moorage_api.settings import SettingsRefused, load, secret_values
from moorage_gateway import logs
from moorage_gateway.credential_proxy.app import create_app, opened
from moorage_gateway.credential_proxy.metrics import showing
from moorage_gateway.credential_proxy.settings import ProxySettings

_log = structlog.get_logger(__name__)
_BAD_USAGE = 2
_KEEP_ALIVE = 75.0
_BACKLOG = 1024


def main() -> int:
    """Read the settings and serve; returns the process's exit code."""
    try:
        settings = load(ProxySettings)
    except SettingsRefused as refused:
        sys.stderr.write("The credential proxy cannot start:\n")
        sys.stderr.writelines(f"  {mistake}\n" for mistake in refused.mistakes)
        return _BAD_USAGE
    logs.configure(settings.log, secret_values(settings))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
    return 0


async def serve(settings: ProxySettings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: a port is taken.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        opened(settings) as context,
        showing(context.metrics, settings.host, settings.metrics_port) as metrics_port,
    ):
        runner = web.AppRunner(
            create_app(context),
            access_log=None,
            handler_cancellation=True,
            keepalive_timeout=_KEEP_ALIVE,
            shutdown_timeout=settings.drain_seconds,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.host, settings.port, backlog=_BACKLOG).start()
            port = runner.addresses[0][1]
            _log.info("listening", host=settings.host, port=port, metrics_port=metrics_port)
            await stop.wait()
        finally:
            await runner.cleanup()
