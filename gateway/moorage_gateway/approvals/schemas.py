"""What a decision holds, and an approval as clients see it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from moorage_api.base import Timestamp, WireModel
from moorage_api.events import Decision, Outcome
from moorage_gateway.pages import Page, PageQuery
from moorage_gateway.requests import RequestModel

ApprovalState = Literal["pending", "resolved"]
Scope = Literal["once", "session"]


class ApprovalQuery(PageQuery):
    """Which approvals, newest first."""

    state: Annotated[
        ApprovalState | None, Field(description="pending: somebody must decide. Empty: all.")
    ] = None


class Decide(RequestModel):
    """A decision."""

    decision: Decision
    message: Annotated[
        str | None, Field(max_length=4096, description="Told to Claude; deny: why.")
    ] = None
    updated_input: Annotated[
        dict[str, Any] | None, Field(description="allow: with this input instead.")
    ] = None
    scope: Annotated[
        Scope, Field(description="session: also for the same kind of use later on.")
    ] = "once"

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.decision == "deny" and self.updated_input is not None:
            msg = "updatedInput goes with the decision allow only"
            raise ValueError(msg)
        return self


class ApprovalView(WireModel):
    """What Claude asks to be allowed."""

    id: str
    session_id: str
    turn_id: str
    state: ApprovalState
    tool: str
    input: dict[str, Any]
    summary: str
    diff: str | None = None
    requested_at: Timestamp
    expires_at: Timestamp
    decision: Decision | None = None
    decided_by: str | None = None
    decided_at: Timestamp | None = None
    message: str | None = None
    scope: Scope | None = None
    outcome: Outcome | None = None
    resolved_at: Timestamp | None = None


class ApprovalList(Page):
    """Some of the approvals, newest first."""

    approvals: list[ApprovalView]
    has_more: Annotated[
        bool,
        Field(
            description="Whether more follow: from offset plus as many as these on, which may be "
            "fewer than limit where they are large."
        ),
    ]
