"""From a stream's entries to what is to be recorded. Pure."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from moorage_api.events import (
    FIELD,
    Event,
    EventRefused,
    GapEvent,
    MessageStopEvent,
    PermissionRequestedEvent,
    PermissionResolvedEvent,
    ToolResultEvent,
    UsageEvent,
    decode_entry,
)
from moorage_gateway.live.ids import EventId

log = structlog.get_logger(__name__)

Recorded = (
    MessageStopEvent
    | ToolResultEvent
    | PermissionRequestedEvent
    | PermissionResolvedEvent
    | UsageEvent
)
RECORDED_TYPES: Final = frozenset(
    {
        "message:stop",
        "tool:result",
        "permission:requested",
        "permission:resolved",
        "usage",
    }
)
# Most entries are pieces of messages. One that holds none of these words is not even decoded.
_WORTH_A_LOOK: Final = re.compile(
    b"|".join(re.escape(name.encode()) for name in sorted({*RECORDED_TYPES, "gap"}))
)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a session's stream: from one position to another, and what to record of it."""

    session_id: str
    # Where the recorder stood, None where nothing was recorded of the session yet.
    before: EventId | None
    to: EventId
    events: tuple[Recorded, ...] = ()

    def one_by_one(self) -> list["Page"]:
        """Return the same part as a page for each event, and one for the rest."""
        pages, before = [], self.before
        for event in self.events:
            to = EventId.of(event.id.encode())
            pages.append(Page(self.session_id, before, to, (event,)))
            before = to
        return pages if before == self.to else [*pages, Page(self.session_id, before, self.to)]

    def without_events(self) -> "Page":
        """Return the same step with nothing to record."""
        return Page(self.session_id, self.before, self.to)


def recorded_in(session_id: str, entries: Sequence[Any]) -> tuple[Recorded, ...]:
    """Return the events to record among a stream's entries."""
    found = []
    for entry_id, fields in entries:
        raw = (fields or {}).get(FIELD)
        if raw is not None and _WORTH_A_LOOK.search(raw) is not None:
            event = _decoded(session_id, entry_id.decode(), raw)
            if isinstance(event, Recorded):
                found.append(event)
    return tuple(found)


def _decoded(session_id: str, entry_id: str, raw: bytes) -> Event | None:
    try:
        event = decode_entry(session_id, entry_id, raw)
    except EventRefused as refusal:
        log.warning("event refused", session=session_id, cause=str(refusal))
        return None
    if isinstance(event, GapEvent):
        log.warning(
            "history has a gap", session=session_id, event_id=entry_id, reason=event.data.reason
        )
    return event


def storable(value: Any) -> Any:
    """Return ``value`` without what SQL cannot store: NUL in text, numbers that are none."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value
