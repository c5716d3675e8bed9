"""How long an operation may take. A thread cannot be ended from outside: it looks here instead."""

import time
from collections.abc import Callable

from moorage_runner.files.errors import OperationError


class Limit:
    """A time limit of `seconds` that can also be called off."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - self._clock())

    def cancel(self) -> None:
        """End the time now."""
        self._end = float("-inf")

    def check(self) -> None:
        """Go on only while there is time.

        Raises:
            OperationError: The time is over.
        """
        if not self.left:
            raise late()


def late() -> OperationError:
    """Return the error for an operation that was given up."""
    return OperationError("FAILED", "It took too long: ask for less, or try again.")
