"""The connection to Redis: every call has a time limit, and the waits between tries are spread."""

import random
from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

CALL_SECONDS = 5.0
CONNECT_SECONDS = 3.0

FAILURES: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)
"""What a call to Redis may raise while Redis is away, starting, full or has lost its data."""


def connect(url: str) -> Redis:
    """Return a client. It never repeats a call by itself: who calls knows whether it may."""
    return Redis.from_url(
        url,
        socket_timeout=CALL_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


class Backoff:
    """Waits that double up to a limit, with full jitter, so that runners do not come in step."""

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
