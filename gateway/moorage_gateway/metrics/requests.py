"""Times each request and counts its answer, by the route's template."""

import time
from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage_gateway.metrics.instruments import HttpMetrics

NO_ROUTE: Final = "none"
"""The route of requests that none took: unknown paths, refused before they were routed."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TOO_MANY: Final = 429


def route_templates(app: FastAPI) -> dict[int, str]:
    """Return each route's whole template, by the identity of the route in a request's scope."""
    return {
        id(context.original_route): context.path_format
        for context in iter_route_contexts(app.routes)
        if context.path_format is not None
    }


def template_of(scope: Scope, templates: Mapping[int, str]) -> str:
    """Return the template of the route that took a request."""
    return templates.get(id(scope.get("route")), NO_ROUTE)


class Measured:
    """Measures requests. A stream counts until it begins: it goes on outside of the application."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, templates: Mapping[int, str]) -> None:
        self._app = app
        self._metrics = metrics
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        started = time.perf_counter()

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.in_progress.inc()
        try:
            await self._app(scope, receive, send_counted)
        finally:
            self._metrics.in_progress.dec()
            self._count(scope, status, time.perf_counter() - started)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answer; status 0 is a client that left before there was one."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = template_of(scope, self._templates)
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        if status == _TOO_MANY:
            self._metrics.refusals.labels(route).inc()
