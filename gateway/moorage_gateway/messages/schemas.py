"""What a message holds when it is sent, and the conversation as clients read it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from moorage_api.base import Timestamp, WireModel
from moorage_api.events import TurnOutcome
from moorage_api.inbox import InputId
from moorage_api.resources.parts import ToolRule
from moorage_gateway.requests import RequestModel
from moorage_gateway.sessions.schemas import ClientStatus


class SendMessage(RequestModel):
    """A message to send."""

    content: Annotated[str, Field(min_length=1, description="The message, 262,144 characters.")]
    allowed_tools: Annotated[
        list[ToolRule] | None, Field(max_length=256, description="Allowed unasked for its answer.")
    ] = None
    id: Annotated[
        InputId | None,
        Field(description="An idempotency key, for clients that cannot set the header."),
    ] = None


class MessageQuery(RequestModel):
    """Which part of the conversation."""

    after: Annotated[
        str | None, Field(max_length=200, description="Only messages after the one with this id.")
    ] = None
    limit: Annotated[
        int | None, Field(ge=1, le=1000, description="At most so many messages of the user.")
    ] = None


class SentMessage(WireModel):
    """A message of the user."""

    id: str
    session_id: str
    role: Literal["user"] = "user"
    content: str
    timestamp: Timestamp
    claude_session_id: str | None = None


class MessageSent(WireModel):
    """The message was accepted; ``waking``: a suspended session is started for it."""

    message: SentMessage
    waking: bool = False


class ToolCallView(WireModel):
    """A use of a tool."""

    id: str
    name: str
    input: dict[str, Any] = {}


class ToolResultView(WireModel):
    """What a tool answered. Its names are the model's, not camelCase: the client reads them so."""

    tool_use_id: Annotated[str, Field(alias="tool_use_id")]
    content: Any = ""
    is_error: Annotated[bool, Field(alias="is_error")] = False


class ChildView(WireModel):
    """A message of Claude's within a turn; with parentToolUseId a subagent's."""

    id: str
    role: str
    content: str
    timestamp: Timestamp
    tool_calls: list[ToolCallView] = []
    tool_results: list[ToolResultView] = []
    thinking: str | None = None
    parent_tool_use_id: str | None = None


class MessageView(WireModel):
    """A message of the user's with everything that answers it."""

    id: str
    session_id: str
    role: str
    content: str
    timestamp: Timestamp
    claude_session_id: str | None = None
    children: list[ChildView] = []


class SessionBrief(WireModel):
    """How the session stands."""

    id: str
    is_working: bool
    current_job_id: str | None = None
    last_job_status: TurnOutcome | None = None
    status: ClientStatus


class Conversation(WireModel):
    """A part of the conversation, oldest first."""

    messages: list[MessageView]
    session: SessionBrief
    has_more: bool = False
