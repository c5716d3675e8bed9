"""Contract 3: what clients see. A discriminated union of events, and their form in a Redis stream.

An entry of the stream holds one event as JSON without its id and session: those are the entry's
id and the key it stands under. A runner's word for them would be a claim.

Every message has one stable id: a user's message that of its input, an assistant's
``{turnId}-{n}``, n counting from 1 within the turn. A ``message:start`` for an id that was already
started means that the text so far was cut off and comes anew: clients drop what they had.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from moorage_api.base import Timestamp, WireModel
from moorage_api.resources.session import Activity, Phase, Usage

MAX_EVENT_BYTES: Final = 1024 * 1024
"""The largest event. Producers shorten what is longer and say so; readers refuse it."""

MAX_RESULT_CHARS: Final = 64 * 1024
"""The longest tool result in an event; what is longer is cut, with ``truncated`` set."""

_LONGEST_TURN_MS: Final = 10 * 366 * 24 * 3600 * 1000
"""Ten years. Whoever computes with what a runner says stays far from the bounds of its numbers."""

FIELD: Final = b"event"
"""The one field of a stream entry."""


class _EventBase(WireModel):
    id: str = ""
    session_id: str = ""
    timestamp: Timestamp


class StatusData(WireModel):
    """How the session stands now."""

    phase: Phase
    activity: Activity | None = None
    turn_id: str | None = None
    queued: int = 0
    reason: str | None = None
    message: str | None = None


class SessionStatusEvent(_EventBase):
    """The session's phase or activity changed."""

    type: Literal["session:status"] = "session:status"
    data: StatusData


class MessageStartData(WireModel):
    """A message begins (or begins anew, if its id was seen)."""

    message_id: str
    role: Literal["user", "assistant"]
    turn_id: str
    model: str | None = None
    parent_tool_use_id: str | None = None


class MessageStartEvent(_EventBase):
    """A message begins."""

    type: Literal["message:start"] = "message:start"
    data: MessageStartData


class DeltaData(WireModel):
    """More of a message's text or thinking."""

    message_id: str
    index: int = 0
    text: str


class MessageDeltaEvent(_EventBase):
    """More of a message's text."""

    type: Literal["message:delta"] = "message:delta"
    data: DeltaData


class ToolCall(WireModel):
    """A use of a tool that a message asks for."""

    id: str
    name: str
    input: dict[str, Any]


class MessageStopData(WireModel):
    """A whole message: enough to write history from, without its deltas."""

    message_id: str
    role: Literal["user", "assistant"]
    turn_id: str
    content: str
    thinking: str | None = None
    tool_calls: list[ToolCall] = []
    model: str | None = None
    stop_reason: str | None = None
    claude_session_id: str | None = None
    parent_tool_use_id: str | None = None
    truncated: bool = False


class MessageStopEvent(_EventBase):
    """A message is complete."""

    type: Literal["message:stop"] = "message:stop"
    data: MessageStopData


class ThinkingStartData(WireModel):
    """A block of thinking begins."""

    message_id: str
    index: int = 0


class ThinkingStartEvent(_EventBase):
    """A block of thinking begins."""

    type: Literal["thinking:start"] = "thinking:start"
    data: ThinkingStartData


class ThinkingDeltaEvent(_EventBase):
    """More of a message's thinking."""

    type: Literal["thinking:delta"] = "thinking:delta"
    data: DeltaData


class ToolUseData(WireModel):
    """A tool is used."""

    message_id: str
    turn_id: str
    tool_use_id: str
    name: str
    input: dict[str, Any]
    parent_tool_use_id: str | None = None
    truncated: bool = False


class ToolUseEvent(_EventBase):
    """A tool is used."""

    type: Literal["tool:use"] = "tool:use"
    data: ToolUseData


class ToolResultData(WireModel):
    """What a tool answered."""

    message_id: str | None = None
    turn_id: str
    tool_use_id: str
    content: str
    is_error: bool = False
    parent_tool_use_id: str | None = None
    truncated: bool = False


class ToolResultEvent(_EventBase):
    """A tool answered."""

    type: Literal["tool:result"] = "tool:result"
    data: ToolResultData


class CitationData(WireModel):
    """A source for the text of a message."""

    message_id: str
    index: int = 0
    cited_text: str = ""
    title: str | None = None
    url: str | None = None
    source: dict[str, Any] = {}


class CitationEvent(_EventBase):
    """A source is cited."""

    type: Literal["citation"] = "citation"
    data: CitationData


class WebSearchStartData(WireModel):
    """A search of the web begins."""

    message_id: str
    tool_use_id: str
    query: str


class WebSearchStartEvent(_EventBase):
    """A search of the web begins."""

    type: Literal["web_search:start"] = "web_search:start"
    data: WebSearchStartData


class WebSearchHit(WireModel):
    """A page that a search found."""

    title: str = ""
    url: str = ""
    page_age: str | None = None


class WebSearchResultData(WireModel):
    """What a search found."""

    message_id: str
    tool_use_id: str
    results: list[WebSearchHit] = []
    error: str | None = None


class WebSearchResultEvent(_EventBase):
    """A search of the web ended."""

    type: Literal["web_search:result"] = "web_search:result"
    data: WebSearchResultData


class PermissionRequest(WireModel):
    """Claude asks to use a tool; it waits until somebody decides or the request expires."""

    approval_id: str
    turn_id: str
    tool_use_id: str | None = None
    tool: str
    input: dict[str, Any]
    summary: str
    diff: str | None = None
    truncated: bool = False
    requested_at: Timestamp
    expires_at: Timestamp


class PermissionRequestedEvent(_EventBase):
    """Claude asks to use a tool."""

    type: Literal["permission:requested"] = "permission:requested"
    data: PermissionRequest


Decision = Literal["allow", "deny"]
Outcome = Literal["allow", "deny", "expired", "cancelled"]


class PermissionResolvedData(WireModel):
    """How a request for permission ended. cancelled: the turn was, before anybody decided."""

    approval_id: str
    outcome: Outcome
    scope: Literal["once", "session"] = "once"
    message: str | None = None


class PermissionResolvedEvent(_EventBase):
    """A request for permission ended."""

    type: Literal["permission:resolved"] = "permission:resolved"
    data: PermissionResolvedData


TurnOutcome = Literal["completed", "failed", "interrupted"]


class UsageData(WireModel):
    """A turn ended: what it used, and what the session used in all."""

    turn_id: str
    outcome: TurnOutcome
    turn: Usage
    total: Usage
    duration_ms: Annotated[int, Field(ge=0, le=_LONGEST_TURN_MS)] = 0


class UsageEvent(_EventBase):
    """A turn ended."""

    type: Literal["usage"] = "usage"
    data: UsageData


class SystemData(WireModel):
    """Something worth knowing that is no part of the conversation."""

    subtype: str
    message: str
    detail: dict[str, Any] = {}


class SystemEvent(_EventBase):
    """Progress of a clone, a retry, a change of model, a compaction of the conversation."""

    type: Literal["system:event"] = "system:event"
    data: SystemData


class ErrorData(WireModel):
    """Something failed."""

    code: str
    message: str
    turn_id: str | None = None
    retryable: bool = False
    retry_in_ms: int | None = None
    attempt: int | None = None


class ErrorEvent(_EventBase):
    """Something failed."""

    type: Literal["error"] = "error"
    data: ErrorData


class GapData(WireModel):
    """Events are missing here. History has what was finished."""

    reason: Literal["trimmed", "buffer_full", "invalid", "lost"]
    message: str
    missed: int | None = None


class GapEvent(_EventBase):
    """Events are missing here."""

    type: Literal["gap"] = "gap"
    data: GapData


Event = Annotated[
    SessionStatusEvent
    | MessageStartEvent
    | MessageDeltaEvent
    | MessageStopEvent
    | ThinkingStartEvent
    | ThinkingDeltaEvent
    | ToolUseEvent
    | ToolResultEvent
    | CitationEvent
    | WebSearchStartEvent
    | WebSearchResultEvent
    | PermissionRequestedEvent
    | PermissionResolvedEvent
    | UsageEvent
    | SystemEvent
    | ErrorEvent
    | GapEvent,
    Field(discriminator="type"),
]
EVENT: Final[TypeAdapter[Event]] = TypeAdapter(Event)
EVENT_TYPES: Final = (
    "session:status", "message:start", "message:delta", "message:stop", "thinking:start",
    "thinking:delta", "tool:use", "tool:result", "citation", "web_search:start",
    "web_search:result", "permission:requested", "permission:resolved", "usage", "system:event",
    "error", "gap",
)  # fmt: skip


class EventRefused(ValueError):  # noqa: N818 - read as a sentence: the event was refused
    """An entry of a stream holds no valid event. The message names no content of it."""


def encode_entry(event: Event) -> bytes:
    """Return ``event`` as the value of a stream entry's one field, without id and session.

    Raises:
        EventRefused: if it is larger than MAX_EVENT_BYTES.
    """
    raw = EVENT.dump_json(event, by_alias=True, exclude={"id", "session_id"}, exclude_none=True)
    if len(raw) > MAX_EVENT_BYTES:
        msg = f"an event of {len(raw)} bytes exceeds the limit of {MAX_EVENT_BYTES}"
        raise EventRefused(msg)
    return raw


def decode_entry(session_id: str, entry_id: str, raw: bytes | None) -> Event:
    """Return the event in a stream entry. What a runner wrote is untrusted input.

    Raises:
        EventRefused: if there is none, or it is too large, or no valid event.
    """
    if raw is None or len(raw) > MAX_EVENT_BYTES:
        msg = f"entry {entry_id} holds no event or one above {MAX_EVENT_BYTES} bytes"
        raise EventRefused(msg)
    try:
        event = EVENT.validate_json(raw)
    except ValidationError as error:
        msg = f"entry {entry_id} holds no valid event ({error.error_count()} mistakes)"
        raise EventRefused(msg) from None
    return event.model_copy(update={"id": entry_id, "session_id": session_id})


def encode_event(event: Event) -> bytes:
    """Return ``event`` as the JSON that clients get."""
    return EVENT.dump_json(event, by_alias=True, exclude_none=True)
