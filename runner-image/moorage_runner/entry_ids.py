"""Ids of stream entries, chosen by the writer so that a repeated write cannot double an entry.

After a connection is lost, nobody knows whether a write arrived. With an id of the writer's own
the same write is simply sent again: Redis refuses an id that is not above the last one.
"""

from collections.abc import Callable
from time import time_ns


class EntryIds:
    """Ids that only go up, whatever the clock does."""

    def __init__(self, milliseconds: Callable[[], int] = lambda: time_ns() // 1_000_000) -> None:
        self._milliseconds = milliseconds
        self._last = (0, 0)

    def next(self) -> str:
        """Return an id above all before it."""
        now, (last, sequence) = self._milliseconds(), self._last
        self._last = (now, 0) if now > last else (last, sequence + 1)
        return f"{self._last[0]}-{self._last[1]}"

    def stay_above(self, entry_id: str) -> None:
        """Make all further ids higher than this one."""
        milliseconds, _, sequence = entry_id.partition("-")
        self._last = max(self._last, (int(milliseconds), int(sequence or 0)))
