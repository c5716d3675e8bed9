"""What can be done with approvals."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from moorage_api.inbox import PermissionDecision, decode_input
from moorage_api.resources import ClaudeSession
from moorage_gateway import outbox
from moorage_gateway.approvals.listing import asked_now, page_of
from moorage_gateway.approvals.repository import ApprovalRepository, ApprovalRow
from moorage_gateway.approvals.schemas import ApprovalList, ApprovalQuery, ApprovalView, Decide
from moorage_gateway.approvals.view import refusal, view
from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record
from moorage_gateway.auth.access import id_of, visible
from moorage_gateway.auth.principal import Principal
from moorage_gateway.context import Context
from moorage_gateway.errors import NotFound, QuotaReached, SessionFinished
from moorage_gateway.sessions.creation import row_for
from moorage_gateway.sessions.repository import SessionRepository
from moorage_gateway.sessions.waking import wake

_APPROVAL_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,180}")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ApprovalService:
    """Approvals of the sessions that one principal may see."""

    context: Context
    principal: Principal

    async def of_all(self, query: ApprovalQuery) -> ApprovalList:
        """Return approvals of all sessions."""
        return await self.of(visible(self.context.backend.list(), self.principal), query)

    async def of(self, sessions: Sequence[ClaudeSession], query: ApprovalQuery) -> ApprovalList:
        """Return approvals of these sessions. A session that ended waits for nobody."""
        ids = [
            id_of(session)
            for session in sessions
            if not (query.state == "pending" and session.status.phase.finished)
        ]
        return await page_of(self.context, ids, query)

    async def decide(
        self, session: ClaudeSession, approval_id: str, request: Decide
    ) -> ApprovalView:
        """Decide, if nobody did before; the first decision stands."""
        session_id = id_of(session)
        if not _APPROVAL_ID.fullmatch(approval_id):
            raise NotFound("approval", approval_id)
        decision = PermissionDecision(
            input_id=f"{approval_id}:decision",
            approval_id=approval_id,
            decision=request.decision,
            message=request.message,
            updated_input=request.updated_input,
            scope=request.scope,
        )
        await self._make_known(session, approval_id)
        row = await self._decide(session, decision)
        if row.outcome is None:  # whoever decides once more, because this failed, wakes it then
            await self._wake(session)
            await outbox.deliver(self.context.relay, session_id)
        return view(row, self.context.clock())

    async def _wake(self, session: ClaudeSession) -> None:
        """Have the session take the decision now. It is made, and stands, also if it must wait."""
        try:
            await wake(self.context, session)
        except QuotaReached:
            log.info("a decision waits until its session is resumed", session=id_of(session))

    async def _decide(self, session: ClaudeSession, decision: PermissionDecision) -> ApprovalRow:
        session_id, moment = id_of(session), self.context.clock()
        async with self.context.changes.of(session_id) as connection:
            await SessionRepository(connection).keep([session_id])
            repository = ApprovalRepository(connection)
            first = not session.status.phase.finished and await repository.decide(
                session_id, decision, self.principal.user_id, moment
            )
            if first:
                await outbox.put(connection, session_id, decision, moment)
                await record(connection, moment, _act(session_id, decision))
            row = await repository.get(session_id, decision.approval_id)
            body = await repository.input_body(session_id, decision.input_id)
        if row is None:
            raise NotFound("approval", decision.approval_id)
        if not first:
            self._explain(session, row, decision, body)
        return row

    def _explain(
        self, session: ClaudeSession, row: ApprovalRow, given: PermissionDecision, body: str | None
    ) -> None:
        """Raise why the decision was not taken, unless it is the one that stands."""
        standing = decode_input(body.encode()) if body else None
        if row.decision is None and row.outcome is None and session.status.phase.finished:
            raise SessionFinished(row.session_id, session.status.phase)
        refused = refusal(
            row, given, standing if isinstance(standing, PermissionDecision) else None
        )
        if refused is not None:
            raise refused

    async def _make_known(self, session: ClaudeSession, approval_id: str) -> None:
        """Write down what the session asks, if the recorder has not yet.

        Raises:
            NotFound: if neither the database nor the session knows of it.
        """
        session_id = id_of(session)
        async with self.context.engine.connect() as connection:
            if await ApprovalRepository(connection).get(session_id, approval_id) is not None:
                return
        asked = await asked_now(self.context, [session_id])
        asked = [row for row in asked if row.id == approval_id]
        if not asked:
            raise NotFound("approval", approval_id)
        async with self.context.changes.of(session_id) as connection:
            await SessionRepository(connection).add(row_for(session, self.context.clock()))
            await ApprovalRepository(connection).add(asked[0])


def _act(session_id: str, decision: PermissionDecision) -> Act:
    details = {"decision": decision.decision, "scope": decision.scope}
    return Act(Action.APPROVAL_DECIDE, decision.approval_id, session_id=session_id, details=details)
