"""From rows to the nested conversation that clients read. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moorage_gateway.messages.repository import MessageRow
from moorage_gateway.messages.schemas import (
    ChildView,
    MessageView,
    ToolCallView,
    ToolResultView,
)


def nest(
    session_id: str, heads: Sequence[MessageRow], children: Iterable[MessageRow]
) -> list[MessageView]:
    """Return each of the user's messages with what answers it."""
    by_turn: dict[str | None, list[MessageRow]] = defaultdict(list)
    for child in children:
        by_turn[child.turn_id].append(child)
    return [
        MessageView(
            id=head.id,
            session_id=session_id,
            role=head.role,
            content=head.content,
            timestamp=head.created_at,
            claude_session_id=head.claude_session_id,
            children=[child_view(child) for child in by_turn[head.id]],
        )
        for head in heads
    ]


def child_view(row: MessageRow) -> ChildView:
    """Return a message of Claude's."""
    return ChildView(
        id=row.id,
        role=row.role,
        content=row.content,
        timestamp=row.created_at,
        tool_calls=[
            ToolCallView(id=call["id"], name=call["name"], input=call.get("input") or {})
            for call in row.tool_calls or []
        ],
        tool_results=[_result(result) for result in row.tool_results or []],
        thinking=row.thinking,
        parent_tool_use_id=row.parent_tool_use_id,
    )


def _result(result: Mapping[str, Any]) -> ToolResultView:
    return ToolResultView.model_validate(result)
