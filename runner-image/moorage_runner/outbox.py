"""Events on their way to Redis: merged, bounded, in order. Pure: no I/O, no clock.

Deltas that follow each other within one message become one. When the bound is hit, deltas go
first, then what is old; one gap event says how many are missing, where the first of them was.
"""

from collections import deque
from dataclasses import dataclass, field

from moorage_api.events import (
    Event,
    GapData,
    GapEvent,
    MessageDeltaEvent,
    ThinkingDeltaEvent,
)

Delta = MessageDeltaEvent | ThinkingDeltaEvent

_OVERHEAD = 300
_MERGED = 64 * 1024
_ROOM = 0.9  # make some room at once, so that it need not be made for every event
_KEPT = {
    "message:start",
    "message:stop",
    "permission:requested",
    "permission:resolved",
    "usage",
    "session:status",
    "error",
    "gap",
}


@dataclass(slots=True)
class _Item:
    event: Event
    size: int
    parts: list[str] = field(default_factory=list)

    @property
    def is_delta(self) -> bool:
        return bool(self.parts)

    def takes(self, delta: Delta) -> bool:
        mine = self.event
        return (
            self.size < _MERGED
            and self.is_delta
            and isinstance(mine, Delta)
            and mine.type == delta.type
            and mine.data.message_id == delta.data.message_id
            and mine.data.index == delta.data.index
        )

    def whole(self) -> Event:
        if len(self.parts) < 2 or not isinstance(self.event, Delta):  # noqa: PLR2004
            return self.event
        data = self.event.data.model_copy(update={"text": "".join(self.parts)})
        return self.event.model_copy(update={"data": data})


class Outbox:
    """A queue of events with a bound on their number and size."""

    def __init__(self, max_events: int = 10_000, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._items: deque[_Item] = deque()
        self._bytes = 0
        self._urgent = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def urgent(self) -> bool:
        """Whether it holds anything but deltas."""
        return self._urgent > 0

    def add(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, Delta):
            self._add_delta(event)
        else:
            self._append(_Item(event, _size(event)))
        if self._is_full(1.0):
            self._make_room(event.timestamp)

    def take(self, max_events: int, max_bytes: int) -> list[Event]:
        """Return the oldest events, as many as fit, at least one if there is any."""
        taken: list[Event] = []
        room = max_bytes
        while self._items and len(taken) < max_events:
            if taken and self._items[0].size > room:
                break
            item = self._items.popleft()
            self._count(item, -1)
            room -= item.size
            taken.append(item.whole())
        return taken

    def _add_delta(self, delta: Delta) -> None:
        text = delta.data.text
        last = self._items[-1] if self._items else None
        if last and last.takes(delta):
            last.parts.append(text)
            last.size += len(text)
            self._bytes += len(text)
        else:
            self._append(_Item(delta, _OVERHEAD + len(text), [text]))

    def _append(self, item: _Item) -> None:
        self._items.append(item)
        self._count(item, 1)

    def _count(self, item: _Item, sign: int) -> None:
        self._bytes += sign * item.size
        if not item.is_delta:
            self._urgent += sign

    def _is_full(self, share: float) -> bool:
        return len(self._items) > self._max_events * share or self._bytes > self._max_bytes * share

    def _make_room(self, at: object) -> None:
        """Drop events, the least needed first, until there is some room again."""
        dropped, first = 0, len(self._items)
        for needed in (_is_delta, _is_dispensable, _is_old):
            position = 0
            while self._is_full(_ROOM) and position < len(self._items):
                if needed(self._items[position]):
                    self._count(self._items[position], -1)
                    del self._items[position]
                    dropped += 1
                    first = min(first, position)
                else:
                    position += 1
        if dropped:
            self._note_gap(dropped, first, at)

    def _note_gap(self, missed: int, position: int, at: object) -> None:
        for index, item in enumerate(self._items):
            if isinstance(item.event, GapEvent) and item.event.data.reason == "buffer_full":
                missed += item.event.data.missed or 0
                position = min(position, index)
                self._count(item, -1)
                del self._items[index]
                break
        message = f"{missed} events were lost while the event store was away."
        data = GapData(reason="buffer_full", message=message, missed=missed)
        event = GapEvent.model_validate({"timestamp": at, "data": data})
        item = _Item(event, _size(event))
        self._items.insert(position, item)
        self._count(item, 1)


def _is_delta(item: _Item) -> bool:
    return item.is_delta


def _is_dispensable(item: _Item) -> bool:
    return item.event.type not in _KEPT


def _is_old(item: _Item) -> bool:
    return item.event.type != "gap"


def _size(event: Event) -> int:
    """Estimate how much memory an event takes; exact enough for a bound."""
    return _OVERHEAD + _length(event.data.model_dump())


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(_length(item) + len(str(key)) for key, item in value.items())
    if isinstance(value, list):
        return sum(_length(item) for item in value)
    return 8
