"""Puts the studio's pages together: sqladmin under /admin, with our login and our rules.

Wiring: ``Studio(app, settings)`` when the application is made; ``open(context)`` when its database
is there. Nothing of it exists unless it is asked for.
"""

from pathlib import Path
from typing import Final

from sqladmin import Admin
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import async_sessionmaker
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage_gateway.context import AccountContext
from moorage_gateway.errors import GatewayError, error_response, translate
from moorage_gateway.middleware import request_id_of
from moorage_gateway.settings import Settings
from moorage_gateway.studio.login import StudioLogin
from moorage_gateway.studio.tables import views

PATH: Final = "/admin"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class Studio:
    """The pages of one application."""

    def __init__(self, app: Starlette, settings: Settings) -> None:
        self._context: AccountContext | None = None
        self._sessions = async_sessionmaker()
        self._admin = Admin(
            app,
            session_maker=self._sessions,
            base_url=PATH,
            title="Moorage studio",
            templates_dir=str(Path(__file__).parent / "templates"),
            middlewares=[Middleware(PagePolicy)],
            authentication_backend=StudioLogin(settings, PATH, self._current),
        )
        for view in views():
            self._admin.add_view(view)
        for kind in (GatewayError, SQLAlchemyError):
            self._admin.admin.exception_handlers[kind] = _answer
        # Paths have no slash at their end here; a mounted application's first page has one. (What
        # else of sqladmin's has one, the downloads of files, is of no use.)
        self._admin.admin.router.redirect_slashes = False
        app.router.routes.append(Route(PATH, _FirstPage(app.routes[-1]), methods=["GET"]))

    def open(self, context: AccountContext) -> None:
        """Use this process's database; PostgreSQL is told that nothing will be written."""
        self._context = context
        self._sessions.configure(bind=context.engine.execution_options(postgresql_readonly=True))

    def _current(self) -> AccountContext:
        if self._context is None:
            msg = "the studio is not open yet"
            raise RuntimeError(msg)
        return self._context


class PagePolicy:
    """Says what a page may load: what comes from here, and no script within the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["content-security-policy"] = _POLICY
            await send(message)

        await self._app(scope, receive, send_with_policy)


class _FirstPage:
    """Hands a request for the path without a slash to the application that is mounted there."""

    def __init__(self, mount: BaseRoute) -> None:
        self._mount = mount

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inner = {**scope, "path": f"{PATH}/"}
        _, found = self._mount.matches(inner)
        await self._mount.handle({**inner, **found}, receive, send)


async def _answer(request: Request, error: Exception) -> Response:
    return error_response(translate(error, request_id_of(request.scope)))
