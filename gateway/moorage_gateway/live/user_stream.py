"""One stream for all of a user's sessions: how they stand, what they ask, what failed.

How it resumes. An event's id here is the highest entry id among all that this stream delivered so
far: a moment, not a place in one stream. A client that comes back with it gets, of every session it
may see, the events since REPEATED_SECONDS before that moment. So what was delivered shortly before
it left comes again (clients drop what they have by sessionId and the id in the data), and nothing
is missing as long as the clocks of the runners, which choose the ids, are not further apart than
that time. Without an id it starts with what happens next; GET /sessions has how things stand.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from moorage_api.resources import ClaudeSession
from moorage_gateway.auth.access import may_see
from moorage_gateway.auth.principal import Principal
from moorage_gateway.backends.interface import SessionChange
from moorage_gateway.live.cursor import Subscription
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.ids import NONE, OLDEST, EventId
from moorage_gateway.live.items import Batch, Item, Types
from moorage_gateway.live.outlet import EndReason, Outlet
from moorage_gateway.live.pump import RETRY_MS, Pump
from moorage_gateway.live.sse import EventStream, frame
from moorage_gateway.live.watch import SessionWatch

USER_TYPES: Final = (
    "session:status", "permission:requested", "permission:resolved", "error", "gap"
)  # fmt: skip
REPEATED_SECONDS: Final = 60


class UserStream(EventStream):
    """Streams what a user's list of sessions shows."""

    def __init__(
        self,
        hub: Hub,
        watch: SessionWatch,
        principal: Principal,
        after: EventId | None,
        types: Types,
    ) -> None:
        super().__init__(hub, principal)
        self._watch = watch
        self._after = after
        self._types = types
        self._highest = NONE
        self._followed: dict[str, tuple[Subscription, asyncio.Task[None]]] = {}
        self._collected = _Collected(self.outlet, self._numbered)

    def attach(self) -> None:
        """Register at the hub for every session there is, and for those that come."""
        self._highest = self._after or EventId(int(time.time() * 1000), 0)
        self._watch.listen(self._changed)

    def detach(self) -> None:
        """Leave the hub."""
        self._watch.forget(self._changed)
        for uid in tuple(self._followed):
            self._unfollow(uid)

    async def start(self, pump: Pump) -> None:
        """Greet the client, and follow its sessions."""
        pump.write(frame("connected", {"lastEventId": str(self._highest)}, retry_ms=RETRY_MS))
        self.outlet.given = self._highest
        after = self._after
        if after is not None and after != OLDEST:
            milliseconds = max(after.milliseconds - REPEATED_SECONDS * 1000, 0)
            after = EventId(milliseconds, 0)
        for session in self._watch.sessions:
            self._follow(session, after)

    def _changed(self, change: SessionChange) -> None:
        uid = change.session.metadata.uid or ""
        if change.kind == "deleted":
            self._unfollow(uid)
        else:
            self._follow(change.session, OLDEST)

    def _follow(self, session: ClaudeSession, after: EventId | None) -> None:
        uid = session.metadata.uid
        if uid is None or uid in self._followed or not may_see(self.principal, session):
            return
        subscription = self.hub.attach(uid, self._collected, self._types)
        task = asyncio.create_task(self._go_live(subscription, after))
        self._followed[uid] = (subscription, task)

    def _unfollow(self, uid: str) -> None:
        if uid in self._followed:
            subscription, task = self._followed.pop(uid)
            task.cancel()
            self.hub.detach(subscription)

    async def _go_live(self, subscription: Subscription, after: EventId | None) -> None:
        resumption = await self.hub.resolve(subscription, after, exact=False)
        await self.hub.catch_up(subscription, resumption, exact=False)

    def _numbered(self, item: Item) -> Item:
        """Return the item under this stream's own id."""
        self._highest = max(self._highest, item.id)
        old_head = item.frame.index(b"\n")
        head = b"id: " + self._highest.raw
        body_at = item.body_at - old_head + len(head)
        return Item(self._highest, item.type, head + item.frame[old_head:], body_at)


class _Collected(Outlet):
    """The sessions' outlet: gives on what it takes, under the ids of the user's stream."""

    __slots__ = ("_numbered", "_to")

    def __init__(self, to: Outlet, numbered: Callable[[Item], Item]) -> None:
        super().__init__()
        self._to = to
        self._numbered = numbered

    def deliver(self, batch: Batch) -> None:
        """Give a batch on."""
        self._to.deliver(Batch([self._numbered(item) for item in batch.items]))

    def end(self, reason: EndReason) -> None:
        """One session's end is not the stream's."""
        if reason != "deleted":
            self._to.end(reason)

    async def room(self) -> None:
        """Wait until the client took what it was given."""
        await self._to.room()
