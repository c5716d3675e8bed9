"""The application: what is answered, and how what is refused is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from redis.asyncio import Redis

from moorage_api.base import now
from moorage_api.redis_client import FAILURES, make_redis, ping
from moorage_gateway.credential_proxy.accounts import Accounts
from moorage_gateway.credential_proxy.budgets import Budgets
from moorage_gateway.credential_proxy.errors import NotServed, ProxyError
from moorage_gateway.credential_proxy.metrics import Metrics
from moorage_gateway.credential_proxy.model import ModelProxy
from moorage_gateway.credential_proxy.passes import Passes
from moorage_gateway.credential_proxy.prices import Prices
from moorage_gateway.credential_proxy.settings import ProxySettings
from moorage_gateway.credential_proxy.upstreams import Upstreams, upstream_client

_log = structlog.get_logger(__name__)
_QUIET: Final = frozenset({"/healthz", "/readyz"})


@dataclass(frozen=True, slots=True)
class Context:
    """What lives as long as the process."""

    settings: ProxySettings
    redis: Redis
    metrics: Metrics
    passes: Passes
    model: ModelProxy


@asynccontextmanager
async def opened(settings: ProxySettings) -> AsyncIterator[Context]:
    """Put everything together."""
    redis = make_redis(
        settings.redis.url.get_secret_value(),
        timeout_seconds=settings.redis.timeout_seconds,
        pool_size=settings.redis.pool_size,
        client_name="moorage-credential-proxy",
    )
    metrics, passes = Metrics(), Passes(redis)
    budgets = Budgets(Accounts(redis), settings.budgets, settings.sessions, now)
    prices = Prices(settings.model.prices, settings.model.search_usd)
    try:
        async with upstream_client() as client:
            upstreams = Upstreams(client, settings.model)
            seconds = settings.model.longest_seconds
            model = ModelProxy(passes, budgets, prices, upstreams, metrics, seconds)
            yield Context(settings, redis, metrics, passes, model)
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
        return _refused(refusal)

    return handle


def _refused(error: ProxyError) -> web.Response:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    return web.Response(
        body=error.body(),
        status=error.status,
        content_type="application/json",
        headers=headers,
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
