"""What requests about sessions hold, and what a session looks like to a client."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from moorage_api.base import Timestamp, WireModel
from moorage_api.events import TurnOutcome
from moorage_api.resources import Activity, Condition, Phase, Usage
from moorage_api.resources.parts import (
    Budget,
    Claude,
    ObjectName,
    PermissionMode,
    Repository,
    Timeouts,
    ToolRule,
    Workspace,
)
from moorage_gateway.pages import Page, PageQuery
from moorage_gateway.requests import RequestModel

_MOST_KEPT: Final = 65_536
"""The longest JSON, in bytes, that is kept for a client: lists of sessions show it."""


def _is_short(value: Any) -> Any:
    if len(to_json(value)) > _MOST_KEPT:
        msg = f"must not be longer than {_MOST_KEPT:,} bytes as JSON"
        raise ValueError(msg)
    return value


Short = AfterValidator(_is_short)

ClientStatus = Literal["active", "inactive", "archived"]


class SessionMetadata(BaseModel):
    """What a client notes about its session; three of the names mean something to Moorage."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="allow"
    )

    repository: Annotated[
        str | None, Field(max_length=2048, description="For the client's own use.")
    ] = None
    branch: Annotated[
        str | None, Field(max_length=255, description="Checked out, unless repository.ref is set.")
    ] = None
    allowed_tools: Annotated[
        list[ToolRule] | None,
        Field(max_length=256, description="Allowed unasked, unless claude.allowedTools is set."),
    ] = None

    def stored(self) -> dict[str, Any]:
        """Return it as the client wrote it."""
        return self.model_dump(by_alias=True, exclude_unset=True, mode="json")


class CreateSession(RequestModel):
    """A session to create: projectPath, folderName, repository or the template says on what."""

    project_path: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=2048,
            description="An https URL; in an embedded run also a folder of this machine.",
        ),
    ] = None
    folder_name: Annotated[
        str | None, Field(min_length=1, max_length=255, description="A configured repository.")
    ] = None
    repository: Annotated[Repository | None, Field(description="What to clone.")] = None
    template: Annotated[
        ObjectName | None,
        Field(
            pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
            description="Name of a template, in the namespace where the gateway creates sessions: "
            "its spec fills what is unset here.",
        ),
    ] = None
    context: Annotated[JsonValue, Short, Field(description="Kept as it is, for the client.")] = None
    metadata: Annotated[
        SessionMetadata | None, Short, Field(description="Kept as it is, for the client.")
    ] = None
    prompt: Annotated[str | None, Field(min_length=1, description="First message.")] = None
    interactive: Annotated[
        bool, Field(description="false: the session ends after the answer to its prompt.")
    ] = True
    claude: Annotated[Claude, Field(description="How Claude Code runs.")] = Claude()
    budget: Annotated[Budget, Field(description="A hard limit.")] = Budget()
    timeouts: Annotated[Timeouts, Field(description="How long it may take.")] = Timeouts()
    workspace: Annotated[Workspace, Field(description="Where the clone lives.")] = Workspace()


class PatchSession(RequestModel):
    """What of a session to change. What is absent stays."""

    context: Annotated[JsonValue, Short, Field(description="Replaces the context.")] = None
    status: Annotated[
        Literal["active", "archived"] | None,
        Field(description="archived puts it out of sight, active brings it back."),
    ] = None
    metadata: Annotated[
        SessionMetadata | None, Short, Field(description="Replaces the metadata.")
    ] = None


class SessionQuery(PageQuery):
    """Which sessions to list, newest first."""

    status: Annotated[ClientStatus | None, Field(description="Only with this status.")] = None
    phase: Annotated[Phase | None, Field(description="Only in this phase.")] = None
    repository: Annotated[
        str | None, Field(max_length=2048, description="Only on this repository (its URL).")
    ] = None
    q: Annotated[
        str | None, Field(max_length=200, description="Only with this in name or repository.")
    ] = None


class InterruptSession(RequestModel):
    """Which turn to end."""

    turn_id: Annotated[
        str | None, Field(max_length=200, description="Empty: the one that is worked on.")
    ] = None


class ChangeMode(RequestModel):
    """Another permission mode."""

    mode: PermissionMode


class ChangeModel(RequestModel):
    """Another model."""

    model: Annotated[
        str | None, Field(min_length=1, max_length=128, description="Null: Claude Code's own.")
    ]


class SessionView(WireModel):
    """A session as clients see it."""

    id: str
    project_path: str
    claude_directory_path: str | None = None
    claude_code_session_id: str | None = None
    context: Any = None
    status: ClientStatus
    metadata: dict[str, Any] | None = None
    is_working: bool
    current_job_id: str | None = None
    last_job_status: TurnOutcome | None = None
    created_at: Timestamp
    updated_at: Timestamp
    last_accessed_at: Timestamp
    name: str
    phase: Phase
    activity: Activity | None = None
    repository: Repository | None = None
    usage: Usage
    budget: Budget
    pending_approvals: int
    conditions: list[Condition] = []
    message: str | None = None
    permission_mode: str | None = None
    model: str | None = None


class SessionPage(Page):
    """Some of the sessions."""

    sessions: list[SessionView]


class Done(WireModel):
    """It was done."""

    success: Literal[True] = True
