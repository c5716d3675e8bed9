"""The process: serves until SIGTERM, then lets answers under way come to their end."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
import uvloop
from aiohttp import web
from kubernetes.aio.config import ConfigException

from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.connection import connected
from moorage_api.settings import SettingsRefused, load, secret_values
from moorage_gateway import logs
from moorage_gateway.credential_proxy.app import Outside, create_app, opened
from moorage_gateway.credential_proxy.git.credentials import (
    KubernetesSecrets,
    NoSecrets,
    Secrets,
)
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


@asynccontextmanager
async def _secrets() -> AsyncIterator[Secrets]:
    """Yield where Secrets of sessions' namespaces are read: where there is a cluster, there."""
    async with AsyncExitStack() as stack:
        secrets: Secrets = NoSecrets()
        try:
            client = await stack.enter_async_context(connected("moorage-credential-proxy"))
            secrets = KubernetesSecrets(KubernetesApi(client))
        except ConfigException:
            _log.warning("no cluster: sessions cannot name Secrets for their repositories")
        yield secrets


async def serve(settings: ProxySettings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: a port is taken.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        _secrets() as secrets,
        opened(settings, Outside(secrets)) as context,
        showing(context.metrics, settings.host, settings.metrics_port) as metrics_port,
        context.tunnels.serving(settings.host, settings.tunnels.port) as tunnel_port,
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
            ports = {"metrics_port": metrics_port, "tunnel_port": tunnel_port}
            _log.info("listening", host=settings.host, port=port, **ports)
            await stop.wait()
        finally:
            await runner.cleanup()
