"""The hub: one reader of Redis for all clients of this process, whatever their number.

One connection waits in a blocking XREAD of every stream somebody is interested in. When the set
of streams changes while it waits, an entry in a stream of the process's own, which is part of the
same read, wakes it. (CLIENT UNBLOCK needs more rights, and one that comes a moment before the
read is lost; an entry is still there.) That stream is also the canary: where it vanished, Redis
lost its data, and every position is checked, as after a reconnect.

Wiring: ``Hub(redis, closing)`` where ``closing`` is set when the process begins to end, before
the server waits for open requests; ``run()`` until cancelled. The endpoints find it as
``app.state.hub``.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from redis.asyncio import Redis

from moorage_api.backoff import Backoff
from moorage_api.redis_client import FAILURES
from moorage_gateway.auth.principal import Principal
from moorage_gateway.live.catch_up import CatchUp
from moorage_gateway.live.cursor import Cursor, Follower, Subscription
from moorage_gateway.live.ids import EventId
from moorage_gateway.live.items import Types
from moorage_gateway.live.outlet import EndReason, Outlet
from moorage_gateway.live.places import Places
from moorage_gateway.live.reading import Reading
from moorage_gateway.live.stream import FIRST_PAGE, Resumption, StreamReader
from moorage_gateway.metrics.instruments import LiveMetrics

HEARTBEAT_SECONDS: Final = 15.0
_BEATS_AT_ONCE: Final = 50
_BEAT_PAUSE: Final = 0.005


class Client(Protocol):
    """Somebody who holds a stream open."""

    @property
    def principal(self) -> Principal:
        """Who was let in."""
        ...

    def beat(self) -> None:
        """Say that the connection lives."""
        ...

    def end(self, reason: EndReason) -> None:
        """Say goodbye."""
        ...


class Hub:
    """Brings sessions' events to subscriptions and followers."""

    def __init__(
        self,
        redis: Redis,
        closing: asyncio.Event,
        metrics: LiveMetrics | None = None,
        places: Places | None = None,
    ) -> None:
        self.metrics = metrics or LiveMetrics()
        self.places = places or Places(None)
        self.reader = StreamReader(redis)
        self.clients: set[Client] = set()
        self._closing = closing
        self._cursors: dict[str, Cursor] = {}
        self._outlets: dict[Outlet, int] = {}
        self._reading = Reading(redis, self.reader, self._cursors, self.metrics)

    @asynccontextmanager
    async def subscribe(
        self, session_id: str, after: EventId | None, types: Types | None = None
    ) -> AsyncIterator[Subscription]:
        """Yield a subscription that gets every event after ``after`` (None: from now on)."""
        subscription = self.attach(session_id, Outlet(), types)
        task = asyncio.create_task(self.go_live(subscription, after))
        try:
            yield subscription
        finally:
            task.cancel()
            self.detach(subscription)
            await asyncio.wait([task])

    def attach(self, session_id: str, outlet: Outlet, types: Types | None) -> Subscription:
        """Return a subscription that gets nothing yet. `detach` must follow, whatever happens."""
        cursor = self._cursor(session_id)
        subscription = Subscription(cursor, outlet, types)
        cursor.clients.add(subscription)
        self._outlets[outlet] = self._outlets.get(outlet, 0) + 1
        if self.closing:
            outlet.end("shutdown")
        return subscription

    def detach(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        outlet, cursor = subscription.outlet, subscription.cursor
        cursor.leave(subscription)
        self._tidy(cursor)
        self._outlets[outlet] -= 1
        if not self._outlets[outlet]:
            del self._outlets[outlet]

    async def go_live(self, subscription: Subscription, after: EventId | None) -> None:
        """Bring a subscription from ``after`` (None: now) to live. While Redis is away it waits."""
        await self.catch_up(subscription, await self.resolve(subscription, after))

    async def resolve(
        self,
        subscription: Subscription,
        after: EventId | None,
        *,
        exact: bool = True,
        count: int = FIRST_PAGE,
    ) -> Resumption:
        """Return where a subscription begins, with the first events. While Redis is away it waits.

        Not exact: ``after`` is a moment, and no event of the session's.
        """
        cursor = subscription.cursor
        backoff = Backoff()
        while True:
            try:
                if after is None:
                    tail = await self.reader.tail(cursor.session_id)
                    resumption = Resumption(tail, None, (), None, tail)
                else:
                    resumption = await self.reader.resume(
                        cursor.session_id, after, exact=exact, count=count
                    )
            except FAILURES:
                await asyncio.sleep(backoff.next())
            else:
                self._begin(cursor, resumption.tail)
                return resumption

    async def catch_up(
        self,
        subscription: Subscription,
        resumption: Resumption,
        *,
        exact: bool = True,
        turns: asyncio.Lock | None = None,
    ) -> None:
        """Bring a subscription from where it begins to live.

        Several that have one client share ``turns``: a page of one is read when the client took
        what it was given of the others.
        """
        catching_up = CatchUp(self.reader, subscription, turns or asyncio.Lock(), exact=exact)
        await catching_up.run(resumption)

    async def follow(self, session_id: str, follower: Follower) -> None:
        """Have ``follower`` told of the session's events from now on.

        Raises:
            RedisError, OSError, TimeoutError: if Redis does not answer; then it is not followed.
        """
        cursor = self._cursor(session_id)
        cursor.followers.add(follower)
        try:
            if cursor.last is None:
                self._begin(cursor, await self.reader.tail(session_id))
        except BaseException:
            self.unfollow(session_id, follower)
            raise

    def unfollow(self, session_id: str, follower: Follower) -> None:
        """Stop telling ``follower`` of the session."""
        cursor = self._cursors.get(session_id)
        if cursor is not None:
            cursor.followers.discard(follower)
            self._tidy(cursor)

    def end_session(self, session_id: str, reason: EndReason) -> None:
        """End all clients of a session."""
        cursor = self._cursors.get(session_id)
        if cursor is not None:
            cursor.end(reason)

    @property
    def closing(self) -> bool:
        """Whether the process is about to end."""
        return self._closing.is_set()

    @property
    def connected(self) -> bool:
        """Whether the reader reaches Redis."""
        return self._reading.connected

    @property
    def counts(self) -> dict[str, int]:
        """How much there is to read and whom to tell, for metrics and tests."""
        return {"sessions": len(self._cursors), "clients": len(self._outlets)}

    async def run(self) -> None:
        """Read and send heartbeats until cancelled; nothing that was subscribed is forgotten."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reading.run())
            group.create_task(self._beat())
            group.create_task(self._close())

    async def _close(self) -> None:
        """End all clients at once when the process is about to end."""
        await self._closing.wait()
        for client in tuple(self.clients):
            client.end("shutdown")
        for outlet in tuple(self._outlets):
            outlet.end("shutdown")

    async def heartbeat(self) -> None:
        """Check that Redis still has its data, and show all clients that they are connected."""
        await self._reading.check()
        for number, client in enumerate(tuple(self.clients)):
            if client in self.clients:
                client.beat()
            if number % _BEATS_AT_ONCE == _BEATS_AT_ONCE - 1:
                await asyncio.sleep(_BEAT_PAUSE)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.heartbeat()

    def _cursor(self, session_id: str) -> Cursor:
        cursor = self._cursors.get(session_id)
        if cursor is None:
            cursor = self._cursors[session_id] = Cursor(session_id)
        return cursor

    def _begin(self, cursor: Cursor, at: EventId) -> None:
        # Nobody may be interested any more, or somebody else was quicker.
        if cursor.last is None and self._cursors.get(cursor.session_id) is cursor:
            cursor.start(at)
            self._reading.changed()

    def _tidy(self, cursor: Cursor) -> None:
        if not cursor.wanted and self._cursors.get(cursor.session_id) is cursor:
            del self._cursors[cursor.session_id]
            self._reading.forget()
