"""What the recorder reads and writes, on one connection; the caller commits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Table, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.events import (
    MessageStopEvent,
    PermissionRequestedEvent,
    PermissionResolvedEvent,
    ToolResultEvent,
    UsageEvent,
)
from moorage_api.inbox import InputRefused, PermissionDecision, decode_input
from moorage_gateway.db.statements import insert_into, insert_once
from moorage_gateway.db.tables import approvals, checkpoints, inputs, messages, turns
from moorage_gateway.live.ids import EventId
from moorage_gateway.recorder import rows
from moorage_gateway.recorder.entries import Page, Recorded

log = structlog.get_logger(__name__)


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
        moved = {"event_id": str(page.to), "updated_at": self._moment}
        if page.before is None:
            row = {"session_id": page.session_id, **moved}
            return await insert_once(self._connection, checkpoints, row, key=("session_id",))
        result = await self._connection.execute(
            update(checkpoints)
            .where(
                checkpoints.c.session_id == page.session_id,
                checkpoints.c.event_id == str(page.before),
            )
            .values(**moved)
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
        await self._upsert(
            messages,
            row,
            key=("session_id", "id"),
            change=lambda new: {
                "taken_at": func.coalesce(messages.c.taken_at, new.taken_at),
                "claude_session_id": func.coalesce(
                    new.claude_session_id, messages.c.claude_session_id
                ),
            },
        )
        await self._done(event.session_id, [row["id"]], event.timestamp)

    async def _assistant_message(self, event: MessageStopEvent) -> None:
        """Write it; one that came anew replaces what was there, and keeps its place."""
        row = rows.message_row(event)
        before = await self._connection.scalar(
            select(messages.c.tool_results).where(*_message(row["session_id"], row["id"]))
        )
        asked = {call["id"] for call in row["tool_calls"] or ()}
        kept = [result for result in before or () if result["tool_use_id"] in asked]
        row["tool_results"] = kept or None
        await self._upsert(
            messages,
            row,
            key=("session_id", "id"),
            change=lambda new: {
                name: new[name] for name in row if name not in {"session_id", "id"}
            },
        )

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
            update(messages)
            .where(messages.c.position == message.position)
            .values(tool_results=[*others, result])
        )

    async def _asking(self, event: ToolResultEvent) -> Any:
        data = event.data
        query = (
            select(messages.c.position, messages.c.tool_calls, messages.c.tool_results)
            .where(
                messages.c.session_id == event.session_id,
                messages.c.turn_id == data.turn_id,
                messages.c.role == "assistant",
            )
            .order_by(messages.c.position.desc())
        )
        for message in await self._connection.execute(query):
            if any(call["id"] == data.tool_use_id for call in message.tool_calls or ()):
                return message
        return None

    async def _request(self, event: PermissionRequestedEvent) -> None:
        """Write a request; one that somebody decided, or that is over, stays as it is."""
        await self._upsert(
            approvals,
            rows.approval_row(event),
            key=("session_id", "id"),
            change=lambda new: {
                name: new[name] for name in ("input", "summary", "diff", "expires_at")
            },
            where=and_(approvals.c.decision.is_(None), approvals.c.resolved_at.is_(None)),
        )

    async def _resolution(self, event: PermissionResolvedEvent) -> None:
        """Write what the runner made of a request; what somebody decided stays as it is."""
        data = event.data
        await self._connection.execute(
            update(approvals)
            .where(
                approvals.c.session_id == event.session_id,
                approvals.c.id == data.approval_id,
                approvals.c.resolved_at.is_(None),
            )
            .values(outcome=data.outcome, resolved_at=event.timestamp)
        )
        answers = await self._answers(event.session_id, data.approval_id)
        await self._done(event.session_id, answers, event.timestamp)

    async def _answers(self, session_id: str, approval_id: str) -> list[str]:
        """Return the inputs that answer a request and wait still."""
        query = select(inputs.c.id, inputs.c.body).where(
            inputs.c.session_id == session_id,
            inputs.c.done_at.is_(None),
            inputs.c.body.contains('"type":"decision"', autoescape=True),
        )
        found = await self._connection.execute(query)
        return [row.id for row in found if _answers(row.body, approval_id)]

    async def _turn(self, event: UsageEvent) -> None:
        row = rows.turn_row(event)
        await self._upsert(
            turns,
            row,
            key=("session_id", "turn_id"),
            change=lambda new: {
                name: new[name] for name in row if name not in {"session_id", "turn_id"}
            },
        )
        await self._done(event.session_id, [row["turn_id"]], event.timestamp)

    async def _done(self, session_id: str, ids: Sequence[str], moment: datetime) -> None:
        """Note that a runner has taken inputs."""
        if ids:
            await self._connection.execute(
                update(inputs)
                .where(
                    inputs.c.session_id == session_id,
                    inputs.c.id.in_(ids),
                    inputs.c.done_at.is_(None),
                )
                .values(done_at=moment)
            )

    async def _upsert(
        self,
        table: Table,
        row: rows.Row,
        *,
        key: Sequence[str],
        change: Any,
        where: ColumnElement[bool] | None = None,
    ) -> None:
        """Insert a row; where there is one with its key, change that."""
        statement = insert_into(self._connection.dialect.name, table).values(**row)
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=list(key), set_=change(statement.excluded), where=where
            )
        )


def _message(session_id: str, message_id: str) -> tuple[ColumnElement[bool], ...]:
    return (messages.c.session_id == session_id, messages.c.id == message_id)


def _answers(body: str, approval_id: str) -> bool:
    try:
        value = decode_input(body.encode())
    except InputRefused:
        return False
    return isinstance(value, PermissionDecision) and value.approval_id == approval_id
