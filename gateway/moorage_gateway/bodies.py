"""Bodies of requests: how large each may be, and how long it may take to arrive."""

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage_gateway.errors import GatewayError, TooLarge, TooSlow, error_response
from moorage_gateway.settings import HttpSettings

_AUTH: Final = "/api/auth/"
_AUTH_BYTES: Final = 64 * 1024
"""Who sends them need not be known, and nothing there is long."""
_FILES: Final = re.compile(r"/sessions/[^/]+/files(/|$)")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a body may take."""

    size: int
    seconds: float


class BodyLimit:
    """Refuses bodies that are too large, whether or not they say so, or do not come in time."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._usual = Allowance(settings.max_body_bytes, settings.receive_seconds)
        self._auth = Allowance(min(_AUTH_BYTES, self._usual.size), self._usual.seconds)
        self._files = Allowance(settings.max_file_body_bytes, settings.receive_file_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        allowed = self._allowed(scope["path"])
        if _declared_length(scope) > allowed.size:
            await error_response(_too_large(allowed))(scope, receive, send)
            return
        body = _Body(scope, receive, send, allowed)
        await self._app(scope, body.receive, body.send)

    def _allowed(self, path: str) -> Allowance:
        if path.startswith(_AUTH):
            return self._auth
        return self._files if _FILES.search(path) else self._usual


class _Body:
    """A body on its way. Once it is refused, the client is gone for the application."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, allowed: Allowance) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._allowed = allowed
        self._received = 0
        self._until: float | None = None
        self._is_complete = self._is_answered = self._is_refused = False

    async def receive(self) -> Message:
        """Return the next part; what comes after the last one may take any time."""
        if self._is_refused:
            return {"type": "http.disconnect"}
        if self._is_complete:
            return await self._receive()
        try:
            message = await self._in_time()
        except TimeoutError:
            return await self._refuse(TooSlow(self._allowed.seconds))
        self._received += len(message.get("body", b""))
        if self._received > self._allowed.size:
            return await self._refuse(_too_large(self._allowed))
        self._is_complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send what the application answers, unless there is an answer."""
        if not self._is_refused:
            self._is_answered = True
            await self._send(message)

    async def _in_time(self) -> Message:
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._allowed.seconds
        async with asyncio.timeout_at(self._until):
            return await self._receive()

    async def _refuse(self, error: GatewayError) -> Message:
        self._is_refused = True
        if not self._is_answered:
            await error_response(error)(self._scope, self._receive, self._send)
        return {"type": "http.disconnect"}


def _declared_length(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "0")
    return int(length) if length.isdecimal() else 0


def _too_large(allowed: Allowance) -> GatewayError:
    return TooLarge("the request body", allowed.size)
