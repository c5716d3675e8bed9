"""The approvals' rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.events import Decision, Outcome, PermissionRequest
from moorage_api.inbox import PermissionDecision
from moorage_gateway.approvals.schemas import Scope
from moorage_gateway.db.statements import insert_once
from moorage_gateway.db.tables import approvals, inputs

_LONGEST_ID = 200
_LONGEST_TOOL = 256


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """An approval's row."""

    session_id: str
    id: str
    turn_id: str
    tool: str
    input: dict[str, Any]
    summary: str
    diff: str | None
    requested_at: datetime
    expires_at: datetime
    decision: Decision | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_message: str | None = None
    scope: Scope | None = None
    outcome: Outcome | None = None
    resolved_at: datetime | None = None

    @classmethod
    def of(cls, session_id: str, request: PermissionRequest) -> "ApprovalRow":
        """Return the row for what a runner asks."""
        return cls(
            session_id=session_id,
            id=request.approval_id,
            turn_id=request.turn_id[:_LONGEST_ID],
            tool=request.tool[:_LONGEST_TOOL],
            input=request.input,
            summary=request.summary,
            diff=request.diff,
            requested_at=request.requested_at,
            expires_at=request.expires_at,
        )


_ASKED = ("session_id", "id", "turn_id", "tool", "input", "summary", "diff", "requested_at")


class ApprovalRepository:
    """Reads and writes approvals on one connection; the caller commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, row: ApprovalRow) -> None:
        """Insert what was asked, unless it is there."""
        values = {name: getattr(row, name) for name in (*_ASKED, "expires_at")}
        await insert_once(self._connection, approvals, values, key=("session_id", "id"))

    async def get(self, session_id: str, approval_id: str) -> ApprovalRow | None:
        """Return the approval, if there is one."""
        query = select(approvals).where(
            approvals.c.session_id == session_id, approvals.c.id == approval_id
        )
        row = (await self._connection.execute(query)).mappings().first()
        return None if row is None else ApprovalRow(**row)

    async def of_sessions(
        self, session_ids: Sequence[str], *, open_only: bool
    ) -> list[ApprovalRow]:
        """Return the sessions' approvals, oldest first."""
        query = select(approvals).where(approvals.c.session_id.in_(session_ids))
        if open_only:
            query = query.where(approvals.c.resolved_at.is_(None), approvals.c.decision.is_(None))
        query = query.order_by(approvals.c.requested_at, approvals.c.id)
        return [ApprovalRow(**row) for row in (await self._connection.execute(query)).mappings()]

    async def decide(
        self, session_id: str, decision: PermissionDecision, user_id: str, moment: datetime
    ) -> bool:
        """Write the decision down if it is the first one and somebody still waits for it."""
        statement = (
            update(approvals)
            .where(
                approvals.c.session_id == session_id,
                approvals.c.id == decision.approval_id,
                approvals.c.decision.is_(None),
                approvals.c.resolved_at.is_(None),
                approvals.c.expires_at > moment,
            )
            .values(
                decision=decision.decision,
                decided_by=user_id,
                decided_at=moment,
                decision_message=decision.message,
                scope=decision.scope,
            )
        )
        return bool((await self._connection.execute(statement)).rowcount)

    async def input_body(self, session_id: str, input_id: str) -> str | None:
        """Return the input that a decision went out as."""
        query = select(inputs.c.body).where(
            inputs.c.session_id == session_id, inputs.c.id == input_id
        )
        body: str | None = await self._connection.scalar(query)
        return body
