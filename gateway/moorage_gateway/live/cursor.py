"""Where the process stands in one session's stream, and who there is to tell."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from moorage_api.keys import SessionKeys
from moorage_gateway.live.ids import NONE, EventId
from moorage_gateway.live.items import Batch, Item, Types, select
from moorage_gateway.live.outlet import EndReason, Outlet

_WINDOW_EVENTS: Final = 128
_WINDOW_BYTES: Final = 128 * 1024

Follower = Callable[[Sequence[Item]], None]
"""Told of a session's events as they come; no events: look yourself, something is missing."""


class Subscription:
    """One client's interest in one session; it has everything up to ``position`` delivered."""

    __slots__ = ("cursor", "outlet", "position", "types")

    def __init__(self, cursor: "Cursor", outlet: Outlet, types: Types | None) -> None:
        self.cursor = cursor
        self.outlet = outlet
        self.types = types
        self.position = NONE
        """Kept while it catches up; afterwards it is the cursor's."""

    def deliver(self, items: Sequence[Item]) -> None:
        """Deliver items that follow the position."""
        if items:
            self.position = items[-1].id
            chosen = select(items, self.types)
            if chosen:
                self.outlet.deliver(Batch(chosen))


class Cursor:
    """A position in a session's stream that all its subscriptions share.

    A subscription is in ``_level`` when it has exactly what the cursor has, in ``_ahead`` when
    catching up took it further, in neither while it catches up. The window holds the last events,
    so that one that has caught up almost can step over without another read.
    """

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.key = SessionKeys(session_id).events.encode()
        self.last: EventId | None = None
        self.generation = 0
        """Counts up when the stream turned out to be another one than before."""
        self.clients: set[Subscription] = set()
        self.followers: set[Follower] = set()
        self._level: dict[Types | None, set[Subscription]] = {}
        self._ahead: set[Subscription] = set()
        self._window: deque[Item] = deque()
        self._window_bytes = 0
        self._window_from = NONE

    @property
    def wanted(self) -> bool:
        """Whether anybody is interested."""
        return bool(self.clients or self.followers)

    def start(self, at: EventId) -> None:
        """Begin to follow the stream after ``at``."""
        self.last = self._window_from = at

    def join(self, subscription: Subscription) -> bool:
        """Let a subscription go over to live, if nothing lies between it and the cursor."""
        if self.last is None:
            return False
        if subscription.position > self.last:
            self._ahead.add(subscription)
            return True
        if subscription.position < self.last:
            if subscription.position < self._window_from:
                return False
            subscription.deliver(_above(subscription.position, list(self._window)))
        self._level.setdefault(subscription.types, set()).add(subscription)
        return True

    def leave(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        self.clients.discard(subscription)
        self._ahead.discard(subscription)
        level = self._level.get(subscription.types)
        if level is not None:
            level.discard(subscription)
            if not level:
                del self._level[subscription.types]
        if not self.clients:
            self._forget_window()

    def advance(self, items: Sequence[Item]) -> None:
        """Take the next events of the stream to everybody."""
        self.last = items[-1].id
        if self.clients:
            self._remember(items)
        else:
            self._window_from = self.last
        for types, level in self._level.items():
            chosen = select(items, types)
            if chosen:
                batch = Batch(chosen)
                for subscription in tuple(level):
                    subscription.outlet.deliver(batch)
        if self._ahead:
            self._catch_level(items)
        for follower in tuple(self.followers):
            follower(items)

    def restart(self, at: EventId, gap: Item | None) -> None:
        """Go on after ``at`` in a stream that lost events; the gap tells everybody."""
        everybody = [s for level in self._level.values() for s in level] + list(self._ahead)
        self._ahead.clear()
        self._level.clear()
        self.start(at)
        self._forget_window()
        self.generation += 1
        for subscription in everybody:
            self._level.setdefault(subscription.types, set()).add(subscription)
            if gap is not None:
                subscription.outlet.deliver(Batch([gap]))
        for follower in tuple(self.followers):
            follower(())

    def end(self, reason: EndReason) -> None:
        """End all clients."""
        for subscription in tuple(self.clients):
            subscription.outlet.end(reason)

    def position_of(self, subscription: Subscription) -> EventId:
        """Return up to where everything was delivered to the subscription."""
        if self.last is not None and subscription in self._level.get(subscription.types, ()):
            return self.last
        return subscription.position

    def _catch_level(self, items: Sequence[Item]) -> None:
        for subscription in tuple(self._ahead):
            subscription.deliver(_above(subscription.position, items))
            if self.last is not None and subscription.position <= self.last:
                self._ahead.discard(subscription)
                self._level.setdefault(subscription.types, set()).add(subscription)

    def _remember(self, items: Sequence[Item]) -> None:
        self._window.extend(items)
        self._window_bytes += sum(len(item.frame) for item in items)
        while len(self._window) > _WINDOW_EVENTS or self._window_bytes > _WINDOW_BYTES:
            gone = self._window.popleft()
            self._window_bytes -= len(gone.frame)
            self._window_from = gone.id

    def _forget_window(self) -> None:
        self._window.clear()
        self._window_bytes = 0
        self._window_from = self.last or NONE


def _above(position: EventId, items: Sequence[Item]) -> Sequence[Item]:
    return [item for item in items if item.id > position]
