"""Events as clients get them: decoded and encoded once per process, then shared as bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from moorage_api.base import now
from moorage_api.events import (
    Event,
    EventRefused,
    GapData,
    GapEvent,
    decode_entry,
    encode_event,
)
from moorage_gateway.live.ids import EventId

log = structlog.get_logger(__name__)

GapReason = Literal["trimmed", "buffer_full", "invalid", "lost"]
Types = frozenset[str]

_END_OF_FRAME: Final = b"\n\n"


@dataclass(frozen=True, slots=True)
class Item:
    """One event: a frame of server-sent events; its JSON stands in it from ``body_at`` on."""

    id: EventId
    type: str
    frame: bytes
    body_at: int

    @property
    def body(self) -> bytes:
        """The event's JSON."""
        return self.frame[self.body_at : -len(_END_OF_FRAME)]

    @property
    def says_lost(self) -> bool:
        """Whether it is a gap that tells of lost events."""
        return self.type == "gap" and b'"reason":"lost"' in self.frame


class Batch:
    """Events that are delivered together, joined to one piece of bytes for all who get them."""

    __slots__ = ("frame", "items", "last")

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.frame = items[0].frame if len(items) == 1 else b"".join(i.frame for i in items)
        self.last = items[-1].id


def select(items: Sequence[Item], types: Types | None) -> Sequence[Item]:
    """Return the items of these types. A gap always passes: nothing is lost silently."""
    if types is None:
        return items
    return [item for item in items if item.type in types or item.type == "gap"]


def decode_item(session_id: str, entry_id: bytes, raw: bytes | None) -> Item:
    """Return a stream entry as an item; one that holds no valid event as a gap at its id."""
    try:
        event = decode_entry(session_id, entry_id.decode(), raw)
    except EventRefused as refusal:
        log.warning("event refused", session=session_id, cause=str(refusal))
        return gap_item(
            session_id, EventId.of(entry_id), "invalid", "An event here could not be read.", 1
        )
    return _item(event, EventId.of(entry_id))


def gap_item(
    session_id: str, at: EventId, reason: GapReason, message: str, missed: int | None = None
) -> Item:
    """Return a gap that says what is missing at ``at``."""
    data = GapData(reason=reason, message=message, missed=missed)
    event = GapEvent(id=str(at), session_id=session_id, timestamp=now(), data=data)
    return _item(event, at)


def _item(event: Event, at: EventId) -> Item:
    head = b"id: %d-%d\nevent: %b\ndata: " % (*at, event.type.encode())
    return Item(at, event.type, head + encode_event(event) + _END_OF_FRAME, len(head))
