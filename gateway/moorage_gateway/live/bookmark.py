"""Which id a user's stream gives out: a moment before which the client need not look back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from moorage_gateway.live.ids import EventId

AHEAD: Final = timedelta(seconds=5)
"""How far an id may be ahead of this process's clock: runners choose their events' ids."""


class Bookmark:
    """The highest id that was delivered, held back while a session's backlog is not.

    Sessions' backlogs do not come in the order of their times. So until every session is followed
    live, the id stays where it was, and a client that leaves meanwhile gets all of it again.
    """

    def __init__(self, after: EventId | None, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        start = self._moment(timedelta()) if after is None else self._bounded(after)
        self.id = self._highest = start
        self._behind: set[str] = set()

    def behind(self, session_id: str) -> None:
        """Note that a session's backlog is on its way."""
        self._behind.add(session_id)

    def level(self, session_id: str) -> None:
        """Note that a session is followed live, or no longer."""
        self._behind.discard(session_id)
        self._move()

    def passed(self, event_id: EventId) -> EventId:
        """Note that an event is delivered; return the id to give out with it."""
        self._highest = max(self._highest, self._bounded(event_id))
        self._move()
        return self.id

    def _move(self) -> None:
        if not self._behind:
            self.id = self._highest

    def _bounded(self, event_id: EventId) -> EventId:
        return min(event_id, self._moment(AHEAD))

    def _moment(self, ahead: timedelta) -> EventId:
        return EventId(int((self._clock() + ahead).timestamp() * 1000), 0)
