"""How a counter stands after a request: what remains, and when there will be more. Pure.

A sliding window counter, as the `limits` library has it: requests of this window count whole,
those of the window before by the part of it that the last ``window`` milliseconds still cover.
"""

import math
from dataclasses import dataclass
from typing import Final

_SECOND: Final = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """The counts after a request; times in milliseconds."""

    admitted: bool
    limit: int
    window: int
    previous: int
    previous_left: int
    """Until the window before counts for nothing, which is when this one ends."""
    current: int
    current_left: int
    """Until this window counts for nothing: it ends one ``window`` earlier."""

    @property
    def remaining(self) -> int:
        """How many more requests would be admitted now."""
        if not self.admitted:
            return 0
        weighted = self.previous * self.previous_left // self.window + self.current
        return max(0, self.limit - weighted)

    @property
    def wait_ms(self) -> int:
        """How long until a request is admitted if none comes meanwhile; 0: at once."""
        if self.limit < 1:
            return self.window
        free = self.limit - self.current
        if free > 0:  # once the window before counts for less than is free
            return _until_below(self.previous, self.previous_left, free, self.window)
        # This window fills the limit by itself: it must have become the window before.
        return max(
            self.current_left - self.window + 1,
            _until_below(self.current, self.current_left, self.limit, self.window),
        )

    @property
    def retry_after_seconds(self) -> int:
        """The wait, rounded up, at least 1."""
        return max(1, -(-self.wait_ms // _SECOND))

    @property
    def reset_seconds(self) -> int:
        """In how many seconds there will be more: the end of the wait, else of this window."""
        if self.remaining == 0:
            return self.retry_after_seconds
        left = self.current_left - self.window
        return max(1, -(-left // _SECOND))


def _until_below(count: int, left: int, free: int, window: int) -> int:
    """Return in how many ms ``count``, weighted by what is left of ``window``, is below ``free``.

    Weighted counts are rounded down, so that it is ``count * left / window < free``.
    """
    if count * left < free * window:
        return 0
    return left - math.ceil(free * window / count) + 1
