"""A span for each request, in the trace that the caller began or in one of its own."""

from collections.abc import Mapping
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage_gateway.metrics.requests import template_of
from moorage_gateway.tracing import current
from moorage_gateway.tracing.provider import Tracing

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_FAILED: Final = 500


class Traced:
    """Traces requests. The span of a stream ends when it has begun."""

    def __init__(self, app: ASGIApp, tracing: Tracing, templates: Mapping[int, str]) -> None:
        self._app = app
        self._tracer = tracing.tracer
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        span = self._tracer.start_span(
            scope["method"],
            context=parent_of(Headers(scope=scope)),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": scope["method"], "url.scheme": scope["scheme"]},
        )
        trace_id = format_trace_id(span.get_span_context().trace_id)
        token = current.enter(traceparent_of(span))
        with structlog.contextvars.bound_contextvars(trace_id=trace_id):
            try:
                await self._answered(span, scope, receive, send)
            finally:
                current.leave(token)
                span.end()

    async def _answered(self, span: Span, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= _FAILED:
                    span.set_status(Status(StatusCode.ERROR))
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            route = template_of(scope, self._templates)
            span.update_name(f"{scope['method']} {route}")
            span.set_attribute("http.route", route)
            session_id = scope.get("path_params", {}).get("session_id")
            if session_id is not None:
                span.set_attribute("moorage.session_id", str(session_id)[:64])
            request_id = scope.get("state", {}).get("request_id", "")
            span.set_attribute("moorage.request_id", request_id)


def parent_of(headers: Mapping[str, str]) -> Context:
    """Return the context that a traceparent header tells; an empty one if there is none."""
    known = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
    return _PROPAGATOR.extract(known, context=Context())


def traceparent_of(span: Span) -> str:
    """Return what carries the span's context to others."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, context=set_span_in_context(span, Context()))
    return carrier["traceparent"]
