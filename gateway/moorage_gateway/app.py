"""The application: its routes, what surrounds them, and what it holds while it runs."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from moorage_api.base import now
from moorage_gateway.accounts import endpoints as accounts
from moorage_gateway.api_keys import endpoints as api_keys
from moorage_gateway.approvals import endpoints as approvals
from moorage_gateway.audit import endpoints as audit
from moorage_gateway.audit.middleware import Audited
from moorage_gateway.auth.gate import Gate
from moorage_gateway.auth.rules import describe_rules, open_routes
from moorage_gateway.bodies import BodyLimit
from moorage_gateway.compression import compressed
from moorage_gateway.context import OpenBackend
from moorage_gateway.dead_letters import endpoints as dead_letters
from moorage_gateway.errors import GatewayError, error_response, error_responses, translate
from moorage_gateway.files import endpoints as files
from moorage_gateway.health import endpoints as health
from moorage_gateway.kept.route import GivesAgain
from moorage_gateway.limits.check import EXPOSED_HEADERS, LimitHeaders
from moorage_gateway.live import endpoints as live
from moorage_gateway.live.handoff import StreamHandoff
from moorage_gateway.messages import endpoints as messages
from moorage_gateway.metrics.instruments import Metrics
from moorage_gateway.metrics.requests import Measured, route_templates
from moorage_gateway.middleware import (
    AnswerErrors,
    Guard,
    PlainPaths,
    RequestLog,
    request_id_of,
)
from moorage_gateway.openapi import complete, operation_id
from moorage_gateway.quotas import endpoints as quotas
from moorage_gateway.repositories import endpoints as repositories
from moorage_gateway.revalidation import Revalidation
from moorage_gateway.sessions import endpoints as sessions
from moorage_gateway.settings import Settings
from moorage_gateway.tracing.provider import Tracing, open_tracing
from moorage_gateway.users import endpoints as users
from moorage_gateway.wiring import open_context

if TYPE_CHECKING:
    from moorage_gateway.studio.pages import Studio

BASE = "/api/claude-code"
AUTH = "/api/auth"
_EXPOSED: Final = ("ETag", "X-Request-ID", *EXPOSED_HEADERS)
"""Headers of answers that pages of other origins may read."""


def open_routers() -> Sequence[tuple[str, APIRouter]]:
    """Return the routes that everybody may use, without a limit for each user; and their base."""
    return ((BASE, health.router), (AUTH, accounts.open_router))


def account_routers() -> Sequence[APIRouter]:
    """Return the routes by which users manage what is theirs here."""
    return (accounts.router, api_keys.router)


def routers() -> Sequence[APIRouter]:
    """Return the routes of every other feature."""
    return (
        sessions.router,
        messages.router,
        approvals.router,
        files.router,
        live.router,
        quotas.router,
        repositories.router,
        dead_letters.router,
        audit.router,
        users.router,
    )


class Application(FastAPI):
    """FastAPI, with a description of the API that has what holds for every operation."""

    def openapi(self) -> dict[str, Any]:
        """Return the description of the API."""
        if self.openapi_schema is None:
            description = super().openapi()
            complete(description)
            describe_rules(self, description)
        return super().openapi()


def create_app(
    settings: Settings, open_backend: OpenBackend, clock: Callable[[], datetime] = now
) -> FastAPI:
    """Return the application; it opens what it needs when it starts."""
    metrics = Metrics()
    tracing = open_tracing(settings.tracing, version("moorage"))
    templates: dict[int, str] = {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with open_context(settings, open_backend, clock, metrics, tracing) as context:
                app.state.context = context
                if app.state.studio is not None:
                    app.state.studio.open(context)
                yield
        finally:
            if tracing is not None:
                await tracing.close()

    app = Application(
        title="Moorage",
        version=version("moorage"),
        description="Claude Code sessions, steered over HTTP.",
        lifespan=lifespan,
        routes=list(_routes()),
        redirect_slashes=False,
        # Ours is `tracing`, and `metrics`.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,
        redoc_url=None,
        middleware=surroundings(settings, metrics, tracing, templates),
    )
    app.state.studio = _studio(app, settings)
    app.state.open_routes = open_routes(app)
    templates |= route_templates(app)
    for kind in (HTTPException, RequestValidationError, GatewayError):
        app.add_exception_handler(kind, _answer_error)
    return app


def surroundings(
    settings: Settings, metrics: Metrics, tracing: Tracing | None, templates: Mapping[int, str]
) -> list[Middleware]:
    """Return what surrounds the routes, from the outside in."""
    http = settings.http
    return [
        Middleware(StreamHandoff),
        Middleware(LimitHeaders),
        *_traced(tracing, templates),
        Middleware(Measured, metrics=metrics.http, templates=templates),
        Middleware(RequestLog, settings=http),
        Middleware(
            CORSMiddleware,
            allow_origins=http.allowed_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],
            expose_headers=_EXPOSED,
        ),
        Middleware(AnswerErrors),
        Middleware(Guard, settings=http),
        Middleware(BodyLimit, settings=http),
        compressed(http),
        Middleware(Revalidation),
        Middleware(PlainPaths),
        Middleware(Audited, templates=templates),
        Middleware(Gate),
        Middleware(GivesAgain),
    ]


@cache
def _routes() -> Sequence[BaseRoute]:
    """Return all routes, made once: of an application's making their models take the most."""
    api = APIRouter(generate_unique_id_function=operation_id)
    for base, router in open_routers():
        _describe_status(router)
        api.include_router(router, prefix=base)
    for base, group in ((BASE, routers()), (AUTH, account_routers())):
        for router in group:
            _describe_status(router)
            api.include_router(
                router,
                prefix=base,
                responses=error_responses(401, 429),
            )
    return tuple(api.routes)


def _traced(tracing: Tracing | None, templates: Mapping[int, str]) -> list[Middleware]:
    if tracing is None:
        return []
    from moorage_gateway.tracing.requests import Traced  # noqa: PLC0415 - brings OpenTelemetry

    return [Middleware(Traced, tracing=tracing, templates=templates)]


def _studio(app: FastAPI, settings: Settings) -> "Studio | None":
    if not settings.studio.enabled:
        return None
    from moorage_gateway.studio.pages import Studio  # noqa: PLC0415 - brings sqladmin

    return Studio(app, settings)


def _describe_status(router: APIRouter) -> None:
    """Say 200 where a route leaves the status to a class of response that has no default.

    FastAPI's description of the API fails on those (an event stream's class is one).
    """
    for route in router.routes:
        if isinstance(route, APIRoute) and route.status_code is None:
            route.status_code = 200


async def _answer_error(request: Request, error: Exception) -> Response:
    """Tell the client about ``error``."""
    return error_response(translate(error, request_id_of(request.scope)))
