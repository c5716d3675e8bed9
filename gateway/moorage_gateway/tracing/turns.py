"""A span for each turn that a runner worked on, in the trace of the request that asked for it.

Runners send no traces: a pod reaches no collector, and what is in it could forge them. The
request's trace context goes to the runner with the message, and stays with it here; when the
recorder has written down that the turn ended, its span is made from what the runner told.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from opentelemetry.trace import SpanKind, Status, StatusCode
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.events import UsageEvent
from moorage_api.inbox import traceparent_in
from moorage_gateway.db.tables import inputs
from moorage_gateway.recorder.entries import Page
from moorage_gateway.tracing.provider import Tracing
from moorage_gateway.tracing.requests import parent_of

_MS: Final = 1_000_000
_LATEST: Final = 2**63 - 1
"""In the year 2262. A span beyond what an exporter can write costs all that are sent with it."""

log = structlog.get_logger(__name__)


class TurnSpans:
    """Makes the spans of turns that were recorded."""

    def __init__(self, tracing: Tracing, engine: AsyncEngine) -> None:
        self._tracer = tracing.tracer
        self._engine = engine

    async def recorded(self, pages: Sequence[Page]) -> None:
        """Make a span for each turn that ended; where the database is away they are left out."""
        ended = [
            (page.session_id, event)
            for page in pages
            for event in page.events
            if isinstance(event, UsageEvent)
        ]
        for session_id, event in ended:
            try:
                traceparent = await self._traceparent(session_id, event.data.turn_id)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("a turn is not traced", session=session_id, cause=type(error).__name__)
                continue
            if traceparent is not None:
                self._make(session_id, event, traceparent)

    async def _traceparent(self, session_id: str, turn_id: str) -> str | None:
        query = select(inputs.c.body).where(
            inputs.c.session_id == session_id, inputs.c.id == turn_id
        )
        async with self._engine.connect() as connection:
            body = await connection.scalar(query)
        return None if body is None else traceparent_in(body.encode())

    def _make(self, session_id: str, event: UsageEvent, traceparent: str) -> None:
        data = event.data
        end = min(max(int(event.timestamp.timestamp() * 1000) * _MS, 0), _LATEST)
        span = self._tracer.start_span(
            "turn",
            context=parent_of({"traceparent": traceparent}),
            kind=SpanKind.CONSUMER,
            start_time=max(end - data.duration_ms * _MS, 0),
            attributes={
                "moorage.session_id": session_id,
                "moorage.turn_id": data.turn_id,
                "moorage.outcome": data.outcome,
                "gen_ai.usage.input_tokens": data.turn.input_tokens,
                "gen_ai.usage.output_tokens": data.turn.output_tokens,
                "moorage.cost_usd": data.turn.cost_usd,
            },
        )
        if data.outcome == "failed":
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=end)
