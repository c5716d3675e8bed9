"""How many streams and polls each user holds in this process.

What they cost is not how often they are opened but how many there are: each is a connection, and
one of all sessions follows every one of them.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from moorage_gateway.errors import StreamsHeld


class Places:
    """Lets each user hold so many at one time; None: any number."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many all users hold."""
        return self._taken.total()

    def take(self, user_id: str) -> None:
        """Take a place. `leave` must follow, whatever happens.

        Raises:
            StreamsHeld: if the user holds as many as one may.
        """
        if self._most is not None and self._taken[user_id] >= self._most:
            raise StreamsHeld(self._most)
        self._taken[user_id] += 1

    def leave(self, user_id: str) -> None:
        """Give a place back."""
        self._taken[user_id] -= 1
        if not self._taken[user_id]:
            del self._taken[user_id]

    @contextmanager
    def held(self, user_id: str) -> Iterator[None]:
        """Hold a place until the block ends.

        Raises:
            StreamsHeld: if the user holds as many as one may.
        """
        self.take(user_id)
        try:
            yield
        finally:
            self.leave(user_id)
