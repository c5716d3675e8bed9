"""Event ids: a stream entry's milliseconds and sequence, ordered as Redis orders them."""

import re
from typing import Final, NamedTuple, Self

_FORM: Final = re.compile(r"(\d{1,20})(?:-(\d{1,20}))?", re.ASCII)
_LARGEST: Final = 2**64 - 1


class EventId(NamedTuple):
    """The id of an event. Any event's is above `NONE`."""

    milliseconds: int
    sequence: int

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """Return the id that Redis gave as ``raw``."""
        milliseconds, _, sequence = raw.partition(b"-")
        return cls(int(milliseconds), int(sequence))

    def __str__(self) -> str:
        return "0" if self == OLDEST else f"{self.milliseconds}-{self.sequence}"

    @property
    def raw(self) -> bytes:
        """The id as Redis takes it."""
        return b"%d-%d" % self

    @property
    def before(self) -> "EventId":
        """The highest id below this one; NONE has none below."""
        if self.sequence:
            return EventId(self.milliseconds, self.sequence - 1)
        return EventId(self.milliseconds - 1, _LARGEST) if self.milliseconds else NONE


NONE: Final = EventId(0, 0)
"""Before any event: the position in a stream that was empty."""

OLDEST: Final = EventId(-1, 0)
"""Asked for as ``0``: begin with the oldest event that is held, whatever was before it."""


def parse_event_id(text: str) -> EventId:
    """Return the id that a client wrote; the sequence may be left out.

    Raises:
        ValueError: if it is none.
    """
    if text == "0":
        return OLDEST
    match = _FORM.fullmatch(text)
    parts = (int(match[1]), int(match[2] or 0)) if match else (_LARGEST + 1, 0)
    if max(parts) > _LARGEST:
        msg = "an event id is two numbers such as 1769860800123-0, or 0 for the oldest event"
        raise ValueError(msg)
    return EventId(*parts)
