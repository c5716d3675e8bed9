"""Brings a subscription from an event id to where the process stands, without loss or doubling.

Pages are read only as fast as the client takes them, so a backlog stays in Redis; subscriptions of
one client take turns. What happens meanwhile is not collected: the subscription goes over to live
when nothing lies between.
"""

import asyncio

from moorage_api.backoff import Backoff
from moorage_api.redis_client import FAILURES
from moorage_gateway.live.cursor import Cursor, Subscription
from moorage_gateway.live.ids import EventId
from moorage_gateway.live.items import Batch
from moorage_gateway.live.stream import (
    FIRST_PAGE,
    PageMissing,
    Resumption,
    StreamReader,
    next_count,
)


class CatchUp:
    """Takes one subscription to live."""

    def __init__(
        self,
        reader: StreamReader,
        subscription: Subscription,
        turns: asyncio.Lock,
        *,
        exact: bool,
    ) -> None:
        self._turns = turns
        self._reader = reader
        self._subscription = subscription
        self._cursor: Cursor = subscription.cursor
        self._outlet = subscription.outlet
        self._exact = exact
        self._anchor: EventId | None = None
        self._count = FIRST_PAGE
        self._generation = -1

    async def run(self, first: Resumption) -> None:
        """Deliver everything after ``first`` until the subscription is live, or has ended.

        While Redis is away it waits.
        """
        generation = self._cursor.generation
        async with self._turns:
            await self._begin(first, generation)
        backoff = Backoff()
        while self._outlet.end_reason is None:
            try:
                async with self._turns:
                    await self._outlet.room()
                    if self._joined():
                        return
                    await self._further()
                backoff.reset()
            except FAILURES:
                await asyncio.sleep(backoff.next())

    async def _further(self) -> None:
        try:
            await self._next_page()
        except PageMissing:
            await self._decide_anew()

    def _joined(self) -> bool:
        return self._generation == self._cursor.generation and self._cursor.join(self._subscription)

    async def _begin(self, resumption: Resumption, generation: int) -> None:
        """Go on from what was found while the cursor was of this generation."""
        await self._outlet.room()
        subscription = self._subscription
        self._generation = generation
        subscription.position = resumption.position
        if resumption.gap is not None:
            self._outlet.deliver(Batch([resumption.gap]))
        self._anchor = resumption.anchor
        subscription.deliver(resumption.items)

    async def _next_page(self) -> None:
        subscription, cursor = self._subscription, self._cursor
        if self._generation != cursor.generation:
            raise PageMissing(cursor.session_id)
        target = cursor.last
        items = await self._reader.page(
            cursor.session_id, subscription.position, self._anchor, self._count
        )
        if items:
            await self._outlet.room()  # what is live goes to the same client
            subscription.deliver(items)
            self._anchor = items[-1].id
            self._count = next_count(self._count, items)
        elif target is not None and target > subscription.position:
            raise PageMissing(cursor.session_id)  # what the cursor has seen is gone

    async def _decide_anew(self) -> None:
        cursor, position = self._cursor, self._subscription.position
        generation = cursor.generation
        exact = self._exact or self._anchor is not None
        resumption = await self._reader.resume(
            cursor.session_id, position, exact=exact, count=self._count
        )
        await self._begin(resumption, generation)
