"""How an approval looks to a client, and why a decision was too late. Pure."""

from datetime import datetime

from moorage_api.inbox import PermissionDecision
from moorage_gateway.approvals.repository import ApprovalRow
from moorage_gateway.approvals.schemas import ApprovalState, ApprovalView
from moorage_gateway.errors import AlreadyDecided, AlreadyResolved, GatewayError


def state_of(row: ApprovalRow, moment: datetime) -> ApprovalState:
    """Return whether somebody must decide."""
    waits = row.decision is None and row.resolved_at is None and row.expires_at > moment
    return "pending" if waits else "resolved"


def view(row: ApprovalRow, moment: datetime) -> ApprovalView:
    """Return the approval as clients see it."""
    expired = row.decision is None and row.resolved_at is None and row.expires_at <= moment
    return ApprovalView(
        id=row.id,
        session_id=row.session_id,
        turn_id=row.turn_id,
        state=state_of(row, moment),
        tool=row.tool,
        input=row.input,
        summary=row.summary,
        diff=row.diff,
        requested_at=row.requested_at,
        expires_at=row.expires_at,
        decision=row.decision,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        message=row.decision_message,
        scope=row.scope,
        outcome="expired" if expired else row.outcome,
        resolved_at=row.resolved_at,
    )


def refusal(
    row: ApprovalRow, given: PermissionDecision, standing: PermissionDecision | None
) -> GatewayError | None:
    """Return why a decision that was not the first is refused; None: it is the one that stands."""
    if row.outcome in {"expired", "cancelled"}:
        return AlreadyResolved(row.id, row.outcome)
    if row.decision is None and row.outcome is None:
        return AlreadyResolved(row.id, "expired")
    if row.decision is None:  # the runner had its answer from a rule
        return None if row.outcome == given.decision else _decided(row, row.outcome or "")
    same = (
        standing == given
        if standing
        else (row.decision, row.scope)
        == (
            given.decision,
            given.scope,
        )
    )
    return None if same else _decided(row, row.decision)


def _decided(row: ApprovalRow, decision: str) -> AlreadyDecided:
    standing = ApprovalView.model_validate(
        view(row, row.expires_at), from_attributes=True
    ).model_dump(
        mode="json",
        by_alias=True,
        include={"decision", "decided_by", "decided_at", "scope", "message", "outcome"},
    )
    return AlreadyDecided(row.id, standing | {"decision": decision})
