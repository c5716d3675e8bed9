"""Waits between tries."""

import random
from collections.abc import Callable


class Backoff:
    """Waits that double up to a limit, with full jitter, so that processes do not come in step."""

    def __init__(
        self,
        first: float = 0.05,
        longest: float = 2.0,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first = first
        self._longest = longest
        self._draw = draw
        self._tries = 0

    def next(self) -> float:
        """Return how many seconds to wait before the next try."""
        ceiling = min(self._longest, self._first * 2 ** min(self._tries, 16))
        self._tries += 1
        return self._draw(self._first / 2, ceiling)

    def reset(self) -> None:
        """Begin anew after a success."""
        self._tries = 0
