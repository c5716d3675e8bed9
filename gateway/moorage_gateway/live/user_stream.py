"""One stream for all of a user's sessions: how they stand, what they ask, what failed.

How it resumes. An event's id here is the highest entry id among all that this stream delivered so
far: a moment, not a place in one stream. A client that comes back with it gets, of every session it
may see, the events since REPEATED_SECONDS before that moment. So what was delivered shortly before
it left comes again (clients drop what they have by sessionId and the id in the data), and nothing
is missing as long as no runner's clock, by which ids are chosen, is slower than this process's by
more than that time; one that is faster, or lies, moves the id a few seconds ahead at most. While
sessions' backlogs are on their way the id does not move (`Bookmark`), so a client that leaves
before it has them all gets them again. Without an id it starts with what happens next;
GET /sessions has how things stand.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from moorage_api.resources import ClaudeSession
from moorage_gateway.auth.access import may_see
from moorage_gateway.auth.principal import Principal
from moorage_gateway.backends.interface import SessionChange
from moorage_gateway.live.bookmark import Bookmark
from moorage_gateway.live.cursor import Subscription
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.ids import OLDEST, EventId
from moorage_gateway.live.items import Batch, Item, Types
from moorage_gateway.live.outlet import EndReason, Outlet
from moorage_gateway.live.pump import RETRY_MS, Pump
from moorage_gateway.live.sse import EventStream, frame
from moorage_gateway.live.watch import SessionWatch

USER_TYPES: Final[Types] = frozenset(
    {"session:status", "permission:requested", "permission:resolved", "error", "gap"}
)
REPEATED_SECONDS: Final = 60


class UserStream(EventStream):
    """Streams what a user's list of sessions shows."""

    def __init__(
        self,
        hub: Hub,
        watch: SessionWatch,
        principal: Principal,
        after: EventId | None,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(hub, principal)
        self._watch = watch
        self._after = after
        self._bookmark = Bookmark(after, clock)
        self._followed: dict[str, tuple[Subscription, asyncio.Task[None]]] = {}
        self._collected = _Collected(self.outlet, self._numbered)
        self._turns = asyncio.Lock()

    def attach(self) -> None:
        """Register at the hub for every session there is, and for those that come."""
        self._watch.listen(self._changed)

    def detach(self) -> None:
        """Leave the hub."""
        self._watch.forget(self._changed)
        for uid in tuple(self._followed):
            self._unfollow(uid)

    async def start(self, pump: Pump) -> None:
        """Greet the client, and follow its sessions."""
        at = self._bookmark.id
        pump.write(frame("connected", {"lastEventId": str(at)}, retry_ms=RETRY_MS))
        self.outlet.given = at
        # What happens from here on must come, also before Redis has told where the sessions stand.
        after = at.before if self._after is None else _sooner(at)
        for session in self._watch.sessions:
            self._follow(session, after)

    def ping(self) -> bytes:
        """Return the heartbeat, with the id that the stream has reached.

        It says so where nothing happens after the backlogs, which all came under the same id.
        """
        return f": ping\nid: {self._bookmark.id}\n\n".encode()

    def _changed(self, change: SessionChange) -> None:
        uid = change.session.metadata.uid or ""
        if change.kind == "deleted":
            self._unfollow(uid)
        else:
            self._follow(change.session, OLDEST)

    def _follow(self, session: ClaudeSession, after: EventId) -> None:
        uid = session.metadata.uid
        if uid is None or uid in self._followed or not may_see(self.principal, session):
            return
        subscription = self.hub.attach(uid, self._collected, USER_TYPES)
        self._bookmark.behind(uid)
        task = asyncio.create_task(self._go_live(subscription, after))
        self._followed[uid] = (subscription, task)

    def _unfollow(self, uid: str) -> None:
        if uid in self._followed:
            subscription, task = self._followed.pop(uid)
            task.cancel()
            self.hub.detach(subscription)
            self._bookmark.level(uid)

    async def _go_live(self, subscription: Subscription, after: EventId) -> None:
        # One event: this is asked for all sessions at once, and waits for their turns.
        resumption = await self.hub.resolve(subscription, after, exact=False, count=1)
        await self.hub.catch_up(subscription, resumption, exact=False, turns=self._turns)
        self._bookmark.level(subscription.cursor.session_id)

    def _numbered(self, item: Item) -> Item:
        """Return the item under this stream's own id."""
        given = self._bookmark.passed(item.id)
        old_head = item.frame.index(b"\n")
        head = f"id: {given}".encode()
        body_at = item.body_at - old_head + len(head)
        return Item(given, item.type, head + item.frame[old_head:], body_at)


def _sooner(at: EventId) -> EventId:
    """Return the moment from which on events come again to a client that has them up to ``at``."""
    if at == OLDEST:
        return OLDEST
    return EventId(max(at.milliseconds - REPEATED_SECONDS * 1000, 0), 0)


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
        """Wait until the client took what it was given, or its stream has ended."""
        await self._to.room()
        self.end_reason = self._to.end_reason
