"""The approvals' rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_json
from sqlalchemy import ColumnElement, false, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.events import Decision, Outcome, PermissionRequest
from moorage_api.inbox import PermissionDecision
from moorage_gateway.approvals.schemas import ApprovalState, Scope
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

    @property
    def key(self) -> "ApprovalKey":
        """Return which approval it is."""
        return ApprovalKey(self.session_id, self.id, self.requested_at)

    @property
    def size(self) -> int:
        """About how many characters an answer with it takes."""
        return len(to_json(self.input)) + len(self.summary) + len(self.diff or "")

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


@dataclass(frozen=True, slots=True)
class ApprovalKey:
    """Which approval, and its place among others."""

    session_id: str
    id: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which approvals are meant: of these sessions, in this state at this moment."""

    session_ids: Sequence[str]
    state: ApprovalState | None
    moment: datetime

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """What holds of their rows."""
        conditions: list[ColumnElement[bool]] = [approvals.c.session_id.in_(self.session_ids)]
        undecided = approvals.c.resolved_at.is_(None) & approvals.c.decision.is_(None)
        if self.state == "pending":
            conditions += [undecided, approvals.c.expires_at > self.moment]
        elif self.state == "resolved":
            conditions.append(~undecided | (approvals.c.expires_at <= self.moment))
        return conditions


_KEY = (approvals.c.session_id, approvals.c.id, approvals.c.requested_at)
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

    async def count(self, chosen: Chosen) -> int:
        """Return how many there are."""
        query = select(func.count()).select_from(approvals).where(*chosen.conditions)
        return int(await self._connection.scalar(query) or 0)

    async def keys(self, chosen: Chosen, *, limit: int, offset: int) -> list[ApprovalKey]:
        """Return which there are, newest first."""
        newest_first = [column.desc() for column in reversed(_KEY)]
        query = select(*_KEY).where(*chosen.conditions).order_by(*newest_first)
        found = await self._connection.execute(query.limit(limit).offset(offset))
        return [ApprovalKey(*row) for row in found]

    async def rows(self, keys: Sequence[ApprovalKey]) -> list[ApprovalRow]:
        """Return these few approvals, as far as they are there, in any order."""
        # Not as pairs: SQLite would compare those with each row of the table.
        each = [
            (approvals.c.session_id == key.session_id) & (approvals.c.id == key.id) for key in keys
        ]
        query = select(approvals).where(or_(false(), *each))
        return [ApprovalRow(**row) for row in (await self._connection.execute(query)).mappings()]

    async def known(self, session_id: str, ids: Sequence[str]) -> set[str]:
        """Return which of these approvals of a session are there."""
        query = select(approvals.c.id).where(
            approvals.c.session_id == session_id, approvals.c.id.in_(ids)
        )
        return set(await self._connection.scalars(query))

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
