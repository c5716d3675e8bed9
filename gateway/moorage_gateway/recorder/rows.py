"""From an event to a row's values. Pure. What does not fit is refused, whatever the database."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, String, Table

from moorage_api.events import (
    MessageStopEvent,
    PermissionRequestedEvent,
    ToolResultEvent,
    UsageEvent,
)
from moorage_gateway.db.tables import approvals, messages, turns
from moorage_gateway.db.values import SafeText
from moorage_gateway.recorder.entries import storable

Row = dict[str, Any]


class EventUnfit(ValueError):  # noqa: N818 - read as a sentence
    """An event holds what no row can."""


def message_row(event: MessageStopEvent) -> Row:
    """Return the row of a finished message."""
    data = event.data
    from_user = data.role == "user"
    calls = [call.model_dump(mode="json", by_alias=True) for call in data.tool_calls]
    return _fitting(
        messages,
        {
            "session_id": event.session_id,
            "id": data.message_id,
            "turn_id": None if from_user else data.turn_id,
            "role": data.role,
            "content": data.content,
            "thinking": data.thinking,
            "tool_calls": calls or None,
            "parent_tool_use_id": data.parent_tool_use_id,
            "claude_session_id": data.claude_session_id,
            "created_at": event.timestamp,
            "taken_at": event.timestamp if from_user else None,
        },
    )


def tool_result(event: ToolResultEvent) -> Row:
    """Return a tool's result as it stands in its message."""
    data = event.data
    return {
        "tool_use_id": storable(data.tool_use_id),
        "content": storable(data.content),
        "is_error": data.is_error,
    }


def approval_row(event: PermissionRequestedEvent) -> Row:
    """Return the row of a request for permission."""
    data = event.data
    return _fitting(
        approvals,
        {
            "session_id": event.session_id,
            "id": data.approval_id,
            "turn_id": data.turn_id,
            "tool": data.tool[:256],
            "input": data.input,
            "summary": data.summary,
            "diff": data.diff,
            "requested_at": data.requested_at,
            "expires_at": data.expires_at,
        },
    )


def turn_row(event: UsageEvent) -> Row:
    """Return the row of a turn that ended."""
    data = event.data
    return _fitting(
        turns,
        {
            "session_id": event.session_id,
            "turn_id": data.turn_id,
            "outcome": data.outcome,
            "input_tokens": data.turn.input_tokens,
            "output_tokens": data.turn.output_tokens,
            "cost_usd": data.turn.cost_usd,
            "duration_ms": data.duration_ms,
            "ended_at": event.timestamp,
        },
    )


def _fitting(table: Table, row: Mapping[str, Any]) -> Row:
    """Return the row as it can be stored.

    Raises:
        EventUnfit: if a value is longer or larger than its column.
    """
    fitting = {name: storable(value) for name, value in row.items()}
    for name, value in fitting.items():
        kind = table.c[name].type
        if isinstance(kind, String | SafeText) and isinstance(value, str):
            fits = kind.length is None or len(value) <= kind.length
        elif isinstance(kind, BigInteger):
            fits = isinstance(value, int) and abs(value) < 2**63
        else:
            fits = True
        if not fits:
            msg = f"{table.name}.{name}"
            raise EventUnfit(msg)
    return fitting
