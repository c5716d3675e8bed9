"""The application: what is answered, and how what is refused is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import aiohttp
import structlog
from aiohttp import web
from aiohttp.abc import AbstractResolver
from aiohttp.typedefs import Handler, Middleware
from redis.asyncio import Redis

from moorage_api.base import now
from moorage_api.redis_client import FAILURES, make_redis, ping
from moorage_gateway.credential_proxy.accounts import Accounts
from moorage_gateway.credential_proxy.addresses import Addresses
from moorage_gateway.credential_proxy.budgets import Budgets
from moorage_gateway.credential_proxy.errors import NotServed, ProxyError
from moorage_gateway.credential_proxy.git.credentials import Credentials, Secrets
from moorage_gateway.credential_proxy.git.github import GitHubApps
from moorage_gateway.credential_proxy.git.notes import PushNotes
from moorage_gateway.credential_proxy.git.repositories import PREFIX
from moorage_gateway.credential_proxy.git.service import GitProxy
from moorage_gateway.credential_proxy.metrics import Metrics
from moorage_gateway.credential_proxy.model import ModelProxy
from moorage_gateway.credential_proxy.passes import Passes
from moorage_gateway.credential_proxy.prices import Prices
from moorage_gateway.credential_proxy.settings import ProxySettings
from moorage_gateway.credential_proxy.tunnels import Resolve, Tunnels, resolve
from moorage_gateway.credential_proxy.upstreams import Upstreams, passing_client

_log = structlog.get_logger(__name__)
_KEPT: Final = 60.0
"""Seconds that a connection is kept open for the next request."""

_QUIET: Final = frozenset({"/healthz", "/readyz"})


@dataclass(frozen=True, slots=True)
class Context:
    """What lives as long as the process."""

    settings: ProxySettings
    redis: Redis
    metrics: Metrics
    model: ModelProxy
    git: GitProxy
    tunnels: Tunnels


@dataclass(frozen=True, slots=True)
class Outside:
    """What the process finds around it."""

    secrets: Secrets
    resolver: AbstractResolver | None = None
    """What resolves names for git; None: the system."""
    resolve: Resolve = resolve
    """The same for tunnels."""


def _guarded(addresses: Addresses, resolver: AbstractResolver | None) -> aiohttp.TCPConnector:
    """Return what connects to where users say, if that may be reached."""
    return aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=_KEPT,
        resolver=resolver,
        use_dns_cache=False,
        socket_factory=addresses.open_socket,
    )


@asynccontextmanager
async def opened(settings: ProxySettings, outside: Outside) -> AsyncIterator[Context]:
    """Put everything together."""
    redis = make_redis(
        settings.redis.url.get_secret_value(),
        timeout_seconds=settings.redis.timeout_seconds,
        pool_size=settings.redis.pool_size,
        client_name="moorage-credential-proxy",
        tls=settings.redis.tls.wanted,
    )
    metrics, passes = Metrics(), Passes(redis)
    budgets = Budgets(Accounts(redis), settings.budgets, settings.sessions, now)
    prices = Prices(settings.model.prices, settings.model.search_usd)
    addresses = Addresses(settings.egress.allowed_networks, settings.egress.denied_networks)
    try:
        async with (
            passing_client(aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT)) as model_client,
            passing_client(_guarded(addresses, outside.resolver)) as git_client,
        ):
            upstreams = Upstreams(model_client, settings.model)
            seconds = settings.model.longest_seconds
            apps = GitHubApps(git_client)
            credentials = Credentials(outside.secrets, settings.git.credentials, apps)
            yield Context(
                settings,
                redis,
                metrics,
                ModelProxy(passes, budgets, prices, upstreams, metrics, seconds),
                GitProxy(passes, credentials, git_client, PushNotes(redis), settings.git),
                Tunnels(passes, addresses, settings.tunnels, metrics.refusals, outside.resolve),
            )
    finally:
        with suppress(*FAILURES):
            await redis.aclose()


def create_app(context: Context) -> web.Application:
    """Return the application."""
    model = context.model
    app = web.Application(
        middlewares=[_edge(context.metrics)],
        client_max_size=context.settings.model.max_body_bytes,
    )
    app.add_routes(
        [
            web.get("/healthz", _alive),
            web.get("/readyz", _Readiness(context.redis).show),
            web.get("/", _alive),
            web.post("/v1/messages", model.messages),
            web.post("/v1/messages/count_tokens", model.unmetered),
            web.get("/v1/models", model.unmetered),
            web.get("/v1/models/{model}", model.unmetered),
            web.route("*", f"{PREFIX}{{repository:.+}}", context.git.handle),
        ]
    )
    app.on_response_prepare.append(_anonymous)
    return app


def _edge(metrics: Metrics) -> Middleware:
    """Return what goes around every request: refusals become answers."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in _QUIET:
            return await handler(request)
        with metrics.in_progress.track_inprogress():
            try:
                return await handler(request)
            except ProxyError as error:
                refusal = error
            except web.HTTPException:
                refusal = NotServed(f"{request.method} on this path")
        metrics.refusals.labels(refusal.kind).inc()
        _log.info("refused", path=request.path[:200], kind=refusal.kind)
        return _refused(refusal, as_text=request.path.startswith(PREFIX))

    return handle


def _refused(error: ProxyError, *, as_text: bool) -> web.Response:
    """Return an answer as Claude Code reads it, or as git shows it."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    if as_text:
        return web.Response(text=f"{error}\n", status=error.status, headers=headers)
    return web.Response(
        body=error.body(), status=error.status, content_type="application/json", headers=headers
    )


class _Readiness:
    """Whether requests can be answered."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def show(self, request: web.Request) -> web.Response:
        """GET /readyz."""
        del request
        try:
            await ping(self._redis)
        except FAILURES:
            return web.Response(status=503, text="Redis does not answer\n")
        return web.Response(text="ok\n")


async def _alive(request: web.Request) -> web.Response:
    del request
    return web.Response(text="ok\n")


async def _anonymous(request: web.Request, response: web.StreamResponse) -> None:
    """Tell nobody which server this is, in which version."""
    del request
    response.headers["Server"] = "moorage"
