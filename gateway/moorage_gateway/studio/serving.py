"""`moorage-gateway studio`: the studio alone, for the configured database, on this machine.

No session is touched and no table changed: neither migrations nor background tasks run. Logging in
is what it is in the gateway, limits included.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from fastapi import FastAPI
from starlette.middleware import Middleware

from moorage_api.base import now
from moorage_gateway.audit.middleware import Audited
from moorage_gateway.bodies import BodyLimit
from moorage_gateway.middleware import AnswerErrors, Guard, PlainPaths, RequestLog
from moorage_gateway.server import serve
from moorage_gateway.settings import Settings
from moorage_gateway.studio.pages import PATH, Studio
from moorage_gateway.wiring import open_accounts

_LOOPBACK: Final = "127.0.0.1"
_BAD_USAGE: Final = 2


def create_studio(settings: Settings, clock: Callable[[], datetime] = now) -> FastAPI:
    """Return an application that has the studio and nothing else."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_accounts(settings, clock) as accounts:
            app.state.studio.open(accounts)
            yield

    http = settings.http
    app = FastAPI(
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(RequestLog, settings=http),
            Middleware(AnswerErrors),
            Middleware(Guard, settings=http),
            Middleware(BodyLimit, settings=http),
            Middleware(PlainPaths),
            Middleware(Audited, templates={}),
        ],
    )
    app.state.studio = Studio(app, settings)
    return app


def run_studio(settings: Settings) -> int:
    """Serve the studio on the loopback until it is stopped; returns the exit code."""
    if settings.auth == "none":
        sys.stderr.write(
            "The studio is for admins who log in: set MOORAGE_AUTH=users and the login secret, and "
            "make an admin with `moorage-gateway create-admin`.\n"
        )
        return _BAD_USAGE
    local = settings.model_copy(update={"host": _LOOPBACK})
    sys.stdout.write(f"The studio: http://{_LOOPBACK}:{local.port}{PATH}\n")
    return serve(create_studio(local), local)
