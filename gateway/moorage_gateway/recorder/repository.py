"""What the recorder reads and writes, on one connection; the caller commits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import and_, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.events import (
    MessageStopEvent,
    PermissionRequestedEvent,
    PermissionResolvedEvent,
    ToolResultEvent,
    UsageEvent,
)
from moorage_api.inbox import InputRefused, PermissionDecision, decode_input
from moorage_gateway.db.statements import Upsert, insert_once, to_new, upsert
from moorage_gateway.db.tables import approvals, checkpoints, inputs, messages, turns
from moorage_gateway.live.ids import EventId
from moorage_gateway.recorder import rows
from moorage_gateway.recorder.entries import Page, Recorded

log = structlog.get_logger(__name__)


# Made once each: to make a statement takes longer than to send it.
_TAKEN_MESSAGE: Final = Upsert(
    messages,
    key=("session_id", "id"),
    change=lambda new: {
        "taken_at": func.coalesce(messages.c.taken_at, new.taken_at),
        "claude_session_id": func.coalesce(new.claude_session_id, messages.c.claude_session_id),
    },
)
_MESSAGE: Final = Upsert(
    messages,
    key=("session_id", "id"),
    change=to_new(
        *("turn_id", "role", "content", "thinking", "tool_calls", "tool_results"),
        *("parent_tool_use_id", "claude_session_id", "created_at", "taken_at"),
    ),
)
_REQUEST: Final = Upsert(
    approvals,
    key=("session_id", "id"),
    change=to_new("input", "summary", "diff", "expires_at"),
    where=and_(approvals.c.decision.is_(None), approvals.c.resolved_at.is_(None)),
)
_TURN: Final = Upsert(
    turns,
    key=("session_id", "turn_id"),
    change=to_new(
        *("outcome", "input_tokens", "output_tokens", "cost_usd", "duration_ms", "ended_at")
    ),
)
_STEP: Final = (
    update(checkpoints)
    .where(
        checkpoints.c.session_id == bindparam("session"),
        checkpoints.c.event_id == bindparam("before"),
    )
    .values(event_id=bindparam("to"), updated_at=bindparam("moment"))
)
_RESULTS: Final = select(messages.c.tool_results).where(
    messages.c.session_id == bindparam("session"), messages.c.id == bindparam("message")
)
_ANSWERS_OF_TURN: Final = (
    select(messages.c.position, messages.c.tool_calls, messages.c.tool_results)
    .where(
        messages.c.session_id == bindparam("session"),
        messages.c.turn_id == bindparam("turn"),
        messages.c.role == "assistant",
    )
    .order_by(messages.c.position.desc())
)
_SET_RESULTS: Final = (
    update(messages)
    .where(messages.c.position == bindparam("at"))
    .values(tool_results=bindparam("results"))
)
_RESOLVED: Final = (
    update(approvals)
    .where(
        approvals.c.session_id == bindparam("session"),
        approvals.c.id == bindparam("approval"),
        approvals.c.resolved_at.is_(None),
    )
    .values(outcome=bindparam("what"), resolved_at=bindparam("moment"))
)
_DECISIONS: Final = select(inputs.c.id, inputs.c.body).where(
    inputs.c.session_id == bindparam("session"),
    inputs.c.done_at.is_(None),
    inputs.c.body.contains('"type":"decision"', autoescape=True),
)
_DONE: Final = (
    update(inputs)
    .where(
        inputs.c.session_id == bindparam("session"),
        inputs.c.id.in_(bindparam("ids", expanding=True)),
        inputs.c.done_at.is_(None),
    )
    .values(done_at=bindparam("moment"))
)


async def load_checkpoints(
    connection: AsyncConnection, session_ids: Sequence[str]
) -> dict[str, EventId]:
    """Return up to where each session is recorded, for those of which something is."""
    query = select(checkpoints.c.session_id, checkpoints.c.event_id).where(
        checkpoints.c.session_id.in_(session_ids)
    )
    found = await connection.execute(query)
    return {row.session_id: EventId.of(row.event_id.encode()) for row in found}


class RecordRepository:
    """Writes pages; every write may be repeated without another effect."""

    def __init__(self, connection: AsyncConnection, moment: datetime) -> None:
        self._connection = connection
        self._moment = moment

    async def step(self, page: Page) -> bool:
        """Move the checkpoint over the page. False if it does not stand before it.

        The row is locked from here to the end of the transaction: of two recorders that read the
        same page one gets it, the other reads the checkpoint again.
        """
        to = str(page.to)
        if page.before is None:
            row = {"session_id": page.session_id, "event_id": to, "updated_at": self._moment}
            return await insert_once(self._connection, checkpoints, row, key=("session_id",))
        result = await self._connection.execute(
            _STEP,
            {
                "session": page.session_id,
                "before": str(page.before),
                "to": to,
                "moment": self._moment,
            },
        )
        return result.rowcount == 1

    async def record(self, event: Recorded) -> None:
        """Write an event down.

        Raises:
            EventUnfit: if it cannot be.
        """
        match event:
            case MessageStopEvent(data=data) if data.role == "user":
                await self._user_message(event)
            case MessageStopEvent():
                await self._assistant_message(event)
            case ToolResultEvent():
                await self._tool_result(event)
            case PermissionRequestedEvent():
                await self._request(event)
            case PermissionResolvedEvent():
                await self._resolution(event)
            case UsageEvent():
                await self._turn(event)

    async def _user_message(self, event: MessageStopEvent) -> None:
        """The runner took it up. Usually the row is there: the gateway wrote it with the input."""
        row = rows.message_row(event)
        await upsert(self._connection, _TAKEN_MESSAGE, row)
        await self._done(event.session_id, [row["id"]], event.timestamp)

    async def _assistant_message(self, event: MessageStopEvent) -> None:
        """Write it; one that came anew replaces what was there, and keeps its place."""
        row = rows.message_row(event)
        before = await self._connection.scalar(
            _RESULTS, {"session": row["session_id"], "message": row["id"]}
        )
        asked = {call["id"] for call in row["tool_calls"] or ()}
        kept = [result for result in before or () if result["tool_use_id"] in asked]
        await upsert(self._connection, _MESSAGE, row | {"tool_results": kept or None})

    async def _tool_result(self, event: ToolResultEvent) -> None:
        """Put it into the message that asked for it."""
        result = rows.tool_result(event)
        message = await self._asking(event)
        if message is None:
            log.warning("result of a tool nobody asked for", session=event.session_id)
            return
        others = [
            other
            for other in message.tool_results or ()
            if other["tool_use_id"] != result["tool_use_id"]
        ]
        await self._connection.execute(
            _SET_RESULTS, {"at": message.position, "results": [*others, result]}
        )

    async def _asking(self, event: ToolResultEvent) -> Any:
        data = event.data
        found = await self._connection.execute(
            _ANSWERS_OF_TURN, {"session": event.session_id, "turn": data.turn_id}
        )
        for message in found:
            if any(call["id"] == data.tool_use_id for call in message.tool_calls or ()):
                return message
        return None

    async def _request(self, event: PermissionRequestedEvent) -> None:
        """Write a request; one that somebody decided, or that is over, stays as it is."""
        await upsert(self._connection, _REQUEST, rows.approval_row(event))

    async def _resolution(self, event: PermissionResolvedEvent) -> None:
        """Write what the runner made of a request; what somebody decided stays as it is."""
        data = event.data
        await self._connection.execute(
            _RESOLVED,
            {
                "session": event.session_id,
                "approval": data.approval_id,
                "what": data.outcome,
                "moment": event.timestamp,
            },
        )
        answers = await self._answers(event.session_id, data.approval_id)
        await self._done(event.session_id, answers, event.timestamp)

    async def _answers(self, session_id: str, approval_id: str) -> list[str]:
        """Return the inputs that answer a request and wait still."""
        found = await self._connection.execute(_DECISIONS, {"session": session_id})
        return [row.id for row in found if _answers(row.body, approval_id)]

    async def _turn(self, event: UsageEvent) -> None:
        row = rows.turn_row(event)
        await upsert(self._connection, _TURN, row)
        await self._done(event.session_id, [row["turn_id"]], event.timestamp)

    async def _done(self, session_id: str, ids: Sequence[str], moment: datetime) -> None:
        """Note that a runner has taken inputs."""
        if ids:
            await self._connection.execute(
                _DONE, {"session": session_id, "ids": ids, "moment": moment}
            )


def _answers(body: str, approval_id: str) -> bool:
    try:
        value = decode_input(body.encode())
    except InputRefused:
        return False
    return isinstance(value, PermissionDecision) and value.approval_id == approval_id
