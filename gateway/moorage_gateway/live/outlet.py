"""What waits to be taken by one client: bounded in bytes and events."""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

from moorage_gateway.live.ids import EventId
from moorage_gateway.live.items import Batch

MAX_BYTES: Final = 1024 * 1024
MAX_EVENTS: Final = 4096

EndReason = Literal["slow", "deleted", "shutdown", "signed_out"]


class Outlet:
    """Takes batches without waiting, and gives them to a client in its own time.

    A client that lets more pile up than the limits is ended as slow: what it was given stands,
    what waited is dropped, and it comes back with the id of the last event it was given.
    """

    __slots__ = ("_bytes", "_events", "_listener", "_pending", "_room", "end_reason", "given")

    def __init__(self) -> None:
        self._pending: list[Batch] = []
        self._bytes = 0
        self._events = 0
        self._listener: Callable[[], None] | None = None
        self._room: asyncio.Event | None = None
        self.end_reason: EndReason | None = None
        self.given: EventId | None = None
        """The last event that was taken."""

    def listen(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called whenever there is something to take, or the end has come."""
        self._listener = listener

    def deliver(self, batch: Batch) -> None:
        """Take a batch; too much of it ends the client."""
        if self.end_reason is not None:
            return
        if self._pending and (
            self._bytes + len(batch.frame) > MAX_BYTES
            or self._events + len(batch.items) > MAX_EVENTS
        ):
            self.end("slow")
            return
        self._pending.append(batch)
        self._bytes += len(batch.frame)
        self._events += len(batch.items)
        self._notify()

    def end(self, reason: EndReason) -> None:
        """End the client: nothing more is delivered. A slow one loses what waits for it."""
        if self.end_reason is not None:
            return
        self.end_reason = reason
        if reason == "slow":
            self._pending = []
        self._make_room()
        self._notify()

    def take(self) -> list[Batch]:
        """Return what waits, which then counts as given."""
        taken = self._pending
        if taken:
            self._pending, self._bytes, self._events = [], 0, 0
            self.given = taken[-1].last
            self._make_room()
        return taken

    async def room(self) -> None:
        """Wait until everything was taken, or the end has come: backpressure for who can wait."""
        while self._pending and self.end_reason is None:  # others may have been quicker
            if self._room is None:
                self._room = asyncio.Event()
            await self._room.wait()

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._pending

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    def _notify(self) -> None:
        if self._listener is not None:
            self._listener()


async def changed(outlet: Outlet) -> None:
    """Wait until there is something to take, or the end has come. For one waiter without pump."""
    if outlet.empty and outlet.end_reason is None:
        event = asyncio.Event()
        outlet.listen(event.set)
        await event.wait()
