"""Notes whose request it is for the records, and records what somebody known may not do."""

from collections.abc import Mapping
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage_gateway.audit.acts import Act, Action, Outcome
from moorage_gateway.audit.caller import Caller, present
from moorage_gateway.audit.record import record
from moorage_gateway.context import Context
from moorage_gateway.metrics.requests import template_of
from moorage_gateway.middleware import request_id_of

_FORBIDDEN: Final = 403

log = structlog.get_logger(__name__)


class Audited:
    """Stands around the gate, which finds out who asks and notes it."""

    def __init__(self, app: ASGIApp, templates: Mapping[int, str]) -> None:
        self._app = app
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        where = Caller(address=client[0] if client else None, request_id=request_id_of(scope))

        async def send_recorded(message: Message) -> None:
            refused = message["type"] == "http.response.start" and message["status"] == _FORBIDDEN
            if refused and present.get().actor_id is not None:
                await self._record_refusal(scope)
            await send(message)

        token = present.set(where)
        try:
            await self._app(scope, receive, send_recorded)
        finally:
            present.reset(token)

    async def _record_refusal(self, scope: Scope) -> None:
        """Record it; nothing was done, so the answer does not depend on it."""
        context: Context = scope["app"].state.context
        route = f"{scope['method']} {template_of(scope, self._templates)}"
        act = Act(Action.REQUEST_REFUSE, route, Outcome.REFUSED)
        try:
            async with context.engine.begin() as connection:
                await record(connection, context.clock(), act)
        except (SQLAlchemyError, OSError):
            log.exception("a refusal could not be recorded", route=route)
