"""What surrounds every request, as plain ASGI: id and log line, errors, guard, paths."""

import re
import time
import uuid
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage_gateway.context import Context
from moorage_gateway.errors import (
    GatewayError,
    HostRefused,
    InternalError,
    OriginRefused,
    error_response,
    translate,
)
from moorage_gateway.security_headers import SecurityHeaders
from moorage_gateway.settings import HttpSettings, is_loopback

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

log = structlog.get_logger("moorage_gateway.access")


def request_id_of(scope: Scope) -> str:
    """Return the id of the request that ``scope`` is of."""
    return str(scope.get("state", {}).get("request_id", "unknown"))


class RequestLog:
    """Gives each request its id, one log line, and its answer the headers that all have."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._security = SecurityHeaders(settings.hsts_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._observed(scope, receive, send, request_id)
        finally:
            structlog.contextvars.reset_contextvars(**bound)

    async def _observed(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        status = 0
        started = time.perf_counter()
        own = (b"x-request-id", request_id.encode())

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = self._security.add_to(message["headers"], scope["scheme"])
                closing = [(b"connection", b"close")] if _is_closing(scope) else []
                message = {**message, "headers": [*headers, own, *closing]}
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
            )


def _is_closing(scope: Scope) -> bool:
    """Whether the process is about to end: each connection is then closed after its answer."""
    context = getattr(scope["app"].state, "context", None)
    return isinstance(context, Context) and context.closing.is_set()


class AnswerErrors:
    """Answers whatever the application raises."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        begun = False

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception as error:
            if scope["type"] != "http":
                raise
            told = translate(error, request_id_of(scope))
            if isinstance(told, InternalError) or begun:
                log.exception("request failed")
            else:
                log.warning("request failed", code=told.code, reason=type(error).__name__)
            if begun:  # all that is left is to break it off
                raise
            await error_response(told)(scope, receive, send)


class Guard:
    """Refuses what a foreign web page could make a browser send.

    Where nobody logs in, a page that rebinds its name to 127.0.0.1 would be in: so the Host must
    be a name of ours. And pages of other origins may not write.
    """

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in settings.allowed_hosts)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await error_response(refusal)(scope, receive, send)

    def _refusal(self, scope: Scope) -> GatewayError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name, is_own = _host_name(host)
        if not (is_own or name in self._hosts):
            return HostRefused(host)
        if scope["method"] in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is None:
            # Browsers tell where a request comes from in this header where they leave Origin out.
            foreign = headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
            return OriginRefused("another site") if foreign else None
        same = urlsplit(origin).netloc.lower() == host.lower()
        return None if same or origin.lower() in self._origins else OriginRefused(origin)


@lru_cache(maxsize=256)
def _host_name(host: str) -> tuple[str, bool]:
    """Return the name in a Host header, without the port, and whether it is this machine's own.

    It is empty if it is malformed.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        name = ""
    return name, is_loopback(name)


class PlainPaths:
    """Lets every path stand with and without a slash at its end, without a redirect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        path = scope.get("path", "")
        if scope["type"] == "http" and len(path) > 1 and path.endswith("/"):
            # In place: what surrounds this reads the route that is found from the same scope.
            scope["path"] = path.rstrip("/") or "/"
        await self._app(scope, receive, send)
