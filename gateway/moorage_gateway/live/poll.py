"""The same events for clients that poll: a page at once, or after waiting for the first event."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from moorage_api.redis_client import FAILURES
from moorage_gateway.errors import Unavailable
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.ids import EventId
from moorage_gateway.live.items import Item, Types, select
from moorage_gateway.live.outlet import changed
from moorage_gateway.live.stream import LARGEST_PAGE, PageMissing, Resumption

_REDIS_SECONDS: Final = 5.0
_MAX_BYTES: Final = 4 * 1024 * 1024
_PAGES: Final = 20


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks for."""

    session_id: str
    after: EventId | None
    types: Types | None
    limit: int
    wait: float


class Poll:
    """Answers one question."""

    def __init__(self, hub: Hub, question: Question) -> None:
        self._hub = hub
        self._question = question
        self._found: list[Item] = []
        self._size = 0
        self._gap: Item | None = None
        self._at: EventId | None = None

    async def answer(self) -> Response:
        """Return what there is, or what comes within the time the client waits.

        Raises:
            Unavailable: if Redis does not answer.
        """
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                await self._read()
        except FAILURES:
            raise Unavailable("redis") from None
        if not self._found and self._gap is None and self._question.wait > 0:
            await self._await_first()
        return self._response()

    async def _read(self) -> None:
        """Read pages until enough is found, or the stream's end is reached."""
        question, reader = self._question, self._hub.reader
        if question.after is None:
            self._at = await reader.tail(question.session_id)
            return
        resumption = await reader.resume(question.session_id, question.after, count=self._count())
        for _ in range(_PAGES):
            self._take_page(resumption)
            if self._full() or not resumption.items:
                return
            try:
                items = await reader.page(
                    question.session_id, self._position, resumption.anchor, self._count()
                )
            except PageMissing:
                return  # the next poll finds out what is missing
            anchor = items[-1].id if items else None
            resumption = Resumption(self._position, None, items, anchor, resumption.tail)

    def _take_page(self, resumption: Resumption) -> None:
        if resumption.gap is not None:
            self._gap = resumption.gap
        if self._at is None:
            self._at = resumption.position
        self._take(resumption.items)

    def _take(self, items: Sequence[Item]) -> None:
        for item in items:
            if self._full():
                return
            self._at = item.id
            if select((item,), self._question.types):
                self._found.append(item)
                self._size += len(item.frame)

    async def _await_first(self) -> None:
        """Wait on the hub for the first event."""
        question = self._question
        async with self._hub.subscribe(
            question.session_id, self._position, question.types
        ) as subscription:
            try:
                async with asyncio.timeout(question.wait):
                    await changed(subscription.outlet)
            except TimeoutError:
                self._at = max(self._position, subscription.cursor.position_of(subscription))
            for batch in subscription.outlet.take():
                self._take(batch.items)

    @property
    def _position(self) -> EventId:
        assert self._at is not None  # noqa: S101 - `_read` has set it
        return self._at

    def _full(self) -> bool:
        return len(self._found) >= self._question.limit or self._size >= _MAX_BYTES

    def _count(self) -> int:
        return min(self._question.limit, LARGEST_PAGE)

    def _response(self) -> Response:
        parts = [b'{"events":[', b",".join(item.body for item in self._found), b"]"]
        parts.append(b',"lastEventId":"%b"' % str(self._position).encode())
        if self._gap is not None:
            parts += [b',"gap":', self._gap.body]
        parts.append(b"}")
        return Response(
            b"".join(parts), media_type="application/json", headers={"cache-control": "no-store"}
        )
