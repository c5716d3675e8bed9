"""The gate: finds out who asks before anything else of a request is read; closed by default.

A middleware rather than a dependency: FastAPI reads a request's body before it asks dependencies,
and nobody's body is worth reading before it is known whose it is. Routes that need no login are
those that say so (`rules`); everything else under /api/ needs a principal, also paths that do not
exist.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from moorage_gateway.audit.caller import present
from moorage_gateway.auth.principal import LOCAL, Principal, remember
from moorage_gateway.context import Context
from moorage_gateway.errors import Forbidden, Unauthorized, error_response

_GUARDED: Final = "/api/"


class Gate:
    """Lets requests through that are known by sender, or need not be."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and not _is_open(scope):
            try:
                principal = await _sender(scope)
            except (Unauthorized, Forbidden) as refusal:
                await error_response(refusal)(scope, receive, send)
                return
            remember(scope, principal)
            present.set(present.get().showing(principal))
        await self._app(scope, receive, send)


def _is_open(scope: Scope) -> bool:
    if not scope["path"].startswith(_GUARDED):
        return True
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    return (method, scope["path"]) in scope["app"].state.open_routes


async def _sender(scope: Scope) -> Principal:
    context: Context = scope["app"].state.context
    if context.logins is None:
        return LOCAL
    header = Headers(scope=scope).get("authorization")
    return await context.logins.authenticator.authenticate(header)
