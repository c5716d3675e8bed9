"""The outbox: what goes into a session's inbox is written in the request's own transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

import structlog
from sqlalchemy import ColumnElement, ScalarSelect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.inbox import Input, encode_input
from moorage_api.redis_client import FAILURES
from moorage_gateway.db.statements import insert_all_once
from moorage_gateway.db.tables import inputs, messages
from moorage_gateway.tracing.current import current_traceparent

Row = Mapping[str, Any]

log = structlog.get_logger(__name__)


class Relay(Protocol):
    """Takes inputs from the outbox to the sessions' inboxes."""

    async def flush(self, session_id: str) -> None:
        """Send what waits for this session."""
        ...


async def put(connection: AsyncConnection, session_id: str, value: Input, moment: datetime) -> None:
    """Write ``value`` down to be sent, unless its id is there already."""
    await put_all(connection, [row_of(session_id, value, moment)])


def row_of(session_id: str, value: Input, moment: datetime) -> Row:
    """Return what ``put`` writes, with this request's trace, for somebody else to write it."""
    return {
        "session_id": session_id,
        "id": value.input_id,
        "body": encode_input(value, current_traceparent()).decode(),
        "created_at": moment,
    }


async def put_all(connection: AsyncConnection, rows: Iterable[Row]) -> None:
    """Write inputs down to be sent in this order, but those whose ids are there already."""
    await insert_all_once(connection, inputs, rows, key=("session_id", "id"))


async def deliver(relay: Relay, session_id: str) -> None:
    """Send what waits for this session now; where that fails, the relay does it later."""
    try:
        await relay.flush(session_id)
    except FAILURES as error:
        log.warning("input is sent later", session=session_id, reason=type(error).__name__)


def first_waiting(session_id: ColumnElement[str]) -> ScalarSelect[str]:
    """Return the question for a session's first message that no runner took yet."""
    return (
        select(inputs.c.id)
        .join(
            messages,
            (messages.c.session_id == inputs.c.session_id) & (messages.c.id == inputs.c.id),
        )
        .where(
            inputs.c.session_id == session_id,
            inputs.c.done_at.is_(None),
            messages.c.taken_at.is_(None),
        )
        .order_by(inputs.c.sequence)
        .limit(1)
        .scalar_subquery()
    )
