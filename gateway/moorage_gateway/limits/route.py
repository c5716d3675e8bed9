"""Routes that count their requests before anything of them is read.

FastAPI reads and parses a body before it asks dependencies: as one of those, a limit would bound
neither what is read nor what is no JSON.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from moorage_gateway.auth.principal import principal_of
from moorage_gateway.limits.check import count

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class CountedRoute(APIRoute):
    """A route that is limited: every one is but those of health."""

    def get_route_handler(self) -> Handler:
        """Return what answers a request (FastAPI's place for such things)."""
        handle = super().get_route_handler()

        async def counted(request: Request) -> Response:
            await count(request.scope, request.app.state.context, principal_of(request.scope))
            return await handle(request)

        return counted
