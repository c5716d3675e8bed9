"""What an admin asks of the audit, and what a record looks like."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from moorage_api.base import Timestamp, WireModel
from moorage_gateway.audit.acts import Action, Outcome
from moorage_gateway.requests import RequestModel

_COUNTER = 2**63 - 1


class AuditQuery(RequestModel):
    """Which records, newest first."""

    actor: Annotated[
        str | None, Field(min_length=1, max_length=128, description="Only by this user.")
    ] = None
    action: Annotated[Action | None, Field(description="Only of this kind.")] = None
    outcome: Annotated[Outcome | None, Field(description="Only what went so.")] = None
    session: Annotated[
        str | None, Field(min_length=1, max_length=64, description="Only of this session.")
    ] = None
    since: Annotated[Timestamp | None, Field(description="Only from then on.")] = None
    until: Annotated[Timestamp | None, Field(description="Only before then.")] = None
    after: Annotated[
        int | None, Field(ge=1, le=_COUNTER, description="A page's nextAfter: what comes after it.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100

    @model_validator(mode="after")
    def _is_a_span(self) -> "AuditQuery":
        if self.since is not None and self.until is not None and self.since >= self.until:
            msg = "since must lie before until"
            raise ValueError(msg)
        return self


class AuditView(WireModel):
    """A record: who did what."""

    id: int
    at: Timestamp
    action: str
    outcome: Annotated[
        str, Field(description="done; asked: of what lies outside the database; refused.")
    ]
    actor_id: Annotated[str | None, Field(description="The user, where one was found out.")]
    via: Annotated[str, Field(description="What they showed, such as sign_in or api_key.")]
    via_id: Annotated[str | None, Field(description="The sign-in or the API key.")]
    address: str | None
    request_id: Annotated[str | None, Field(description="The log has the request under it.")]
    object_id: str
    session_id: str | None
    details: dict[str, Any]


class AuditPage(WireModel):
    """A page of records."""

    records: list[AuditView]
    next_after: Annotated[
        int | None, Field(description="Ask with it as `after` for the next page; null: no more.")
    ]
