"""The application: its routes, what surrounds them, and what it holds while it runs."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from moorage_api.base import now
from moorage_gateway.approvals import endpoints as approvals
from moorage_gateway.context import OpenBackend
from moorage_gateway.errors import GatewayError, error_response, translate
from moorage_gateway.files import endpoints as files
from moorage_gateway.health import endpoints as health
from moorage_gateway.live import endpoints as live
from moorage_gateway.messages import endpoints as messages
from moorage_gateway.middleware import BodyLimit, Guard, PlainPaths, RequestLog, request_id_of
from moorage_gateway.sessions import endpoints as sessions
from moorage_gateway.settings import Settings
from moorage_gateway.wiring import open_context

BASE = "/api/claude-code"


def routers() -> Sequence[APIRouter]:
    """Return every feature's routes."""
    return (
        health.router,
        sessions.router,
        messages.router,
        approvals.router,
        files.router,
        live.router,
    )


def create_app(
    settings: Settings, open_backend: OpenBackend, clock: Callable[[], datetime] = now
) -> FastAPI:
    """Return the application; it opens what it needs when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_context(settings, open_backend, clock) as context:
            app.state.context = context
            yield

    app = FastAPI(
        title="Moorage",
        version=version("moorage"),
        description="Claude Code sessions, steered over HTTP.",
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(RequestLog),
            Middleware(Guard, settings=settings.http),
            Middleware(BodyLimit, settings=settings.http),
            Middleware(PlainPaths),
        ],
    )
    for router in routers():
        app.include_router(router, prefix=BASE)
    for kind in (HTTPException, RequestValidationError, GatewayError):
        app.add_exception_handler(kind, _answer_error)
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    """Tell the client about ``error``."""
    return error_response(translate(error, request_id_of(request.scope)))
