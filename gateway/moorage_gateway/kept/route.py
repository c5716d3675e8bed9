"""Routes whose answers are kept: what is unchanged is given again without being made again."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi.routing import APIRoute
from starlette import status
from starlette.requests import Request
from starlette.responses import Response

from moorage_gateway.auth.principal import current_principal
from moorage_gateway.context import Context
from moorage_gateway.kept.answers import Basis
from moorage_gateway.limits.check import limited

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class KeptRoute(APIRoute):
    """A route whose GET answers are kept with the basis that they note.

    A request is counted, and who asks is known, before; whether they may see what they ask for is
    part of the answer, which is theirs alone.
    """

    def get_route_handler(self) -> Handler:
        """Return what answers a request (FastAPI's place for such things)."""
        make = super().get_route_handler()
        return _kept(make) if self.methods == {"GET"} else make


def _kept(make: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        context: Context = request.app.state.context
        principal = await current_principal(request)
        await limited(request, context, principal)
        scope = request.scope
        key = (principal.user_id, principal.is_admin, scope["path"], scope["query_string"])
        body = await context.answers.find(key)
        if body is not None:
            context.metrics.http.given_again.inc()
            if session_id := request.path_params.get("session_id"):
                structlog.contextvars.bind_contextvars(session=session_id)
            return Response(body, media_type="application/json")
        context.metrics.http.made.inc()
        basis = request.state.basis = Basis()
        response = await make(request)
        if basis.is_whole and response.status_code == status.HTTP_200_OK:
            context.answers.keep(key, bytes(response.body), basis)
        return response

    return answer
