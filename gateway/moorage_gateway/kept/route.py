"""Routes whose answers are kept, and what gives them again before a route is looked for."""

import structlog
from fastapi.routing import APIRoute
from starlette import status
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from moorage_gateway.auth.principal import Principal, current_principal, principal_of
from moorage_gateway.context import Context
from moorage_gateway.errors import GatewayError, error_response
from moorage_gateway.kept.answers import Answer, Basis, Key
from moorage_gateway.limits.check import count
from moorage_gateway.limits.route import CountedRoute, Handler
from moorage_gateway.revalidation import tag_of


class GivesAgain:
    """Answers what is asked again and is unchanged; the innermost middleware.

    Who asks is known before, and the request is counted as its route would have counted it; whether
    they may see what they ask for is part of the answer, which is theirs alone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["method"] == "GET":
            principal = principal_of(scope)
            response = None if principal is None else await _again(scope, principal)
            if response is not None:
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _again(scope: Scope, principal: Principal) -> Response | None:
    """Return the answer that was given before, a refusal, or None: then a route has to answer."""
    context: Context = scope["app"].state.context
    look = context.answers.look(_key(scope, principal))
    if look is None:
        return None
    scope["route"] = look.route
    try:  # both questions go to Redis together
        await count(scope, context, principal)
    except BaseException as error:
        look.break_off()
        if isinstance(error, GatewayError):
            return error_response(error)
        raise
    answer = await context.answers.seen(look)
    return None if answer is None else _given_again(context, answer)


class _KeepingRoute(APIRoute):
    def get_route_handler(self) -> Handler:
        make = super().get_route_handler()
        return _keeping(make) if self.methods == {"GET"} else make


class KeptRoute(CountedRoute, _KeepingRoute):
    """A route whose GET answers are kept with the basis that they note; counted before."""


def _keeping(make: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        context: Context = request.app.state.context
        principal = await current_principal(request)
        key = _key(request.scope, principal)
        if (known := await context.answers.made_meanwhile(key)) is not None:
            return _given_again(context, known)
        with context.answers.making.doing(key):
            return await _made(make, request, key)

    return answer


async def _made(make: Handler, request: Request, key: Key) -> Response:
    """Make an answer, and keep it if that can be known to hold."""
    context: Context = request.app.state.context
    basis = request.state.basis = Basis()
    response = await make(request)
    context.metrics.http.made.inc()
    if basis.is_whole and response.status_code == status.HTTP_200_OK:
        body = bytes(response.body)
        session_id = request.path_params.get("session_id")
        answer = Answer(body, tag_of(body), request.scope["route"], session_id)
        context.answers.keep(key, answer, basis)
    return response


def _given_again(context: Context, answer: Answer) -> Response:
    context.metrics.http.given_again.inc()
    if answer.session_id is not None:
        structlog.contextvars.bind_contextvars(session=answer.session_id)
    return Response(answer.body, headers={"ETag": answer.tag}, media_type="application/json")


def _key(scope: Scope, principal: Principal) -> Key:
    return principal.user_id, principal.is_admin, scope["path"], scope["query_string"]
