"""Writing to a client: at once while it takes it, later while it does not, never out of order."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from moorage_gateway.live.ids import EventId
from moorage_gateway.live.items import Batch, Item
from moorage_gateway.live.outlet import MAX_BYTES, MAX_EVENTS, Outlet, changed
from moorage_gateway.live.pump import Pump
from moorage_testing.live import until


def item(number: int, size: int = 1) -> Item:
    return Item(EventId(number, 0), "message:delta", b"%d;" % number + b"x" * (size - 1), 0)


class Socket:
    """An ASGI server's send, which waits while the client does not read."""

    def __init__(self) -> None:
        self.written = b""
        self.ended = False
        self.reads = asyncio.Event()
        self.reads.set()
        self.error: Exception | None = None

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.reads.wait()
        if self.error is not None:
            raise self.error
        self.written += message["body"].replace(b"x", b"")
        self.ended = not message["more_body"]


def connected() -> tuple[Socket, Outlet, Pump]:
    socket, outlet = Socket(), Outlet()
    pump = Pump(socket.send, outlet, lambda: b"bye")
    outlet.listen(pump.flush)
    return socket, outlet, pump


async def test_what_is_delivered_is_written_before_deliver_returns() -> None:
    socket, outlet, pump = connected()
    outlet.deliver(Batch([item(1), item(2)]))
    assert (socket.written, outlet.given, pump.idle) == (b"1;2;", EventId(2, 0), True)


async def test_what_waits_is_written_in_order_once_the_client_reads() -> None:
    socket, outlet, pump = connected()
    socket.reads.clear()
    for number in range(1, 6):
        outlet.deliver(Batch([item(number)]))
    assert (socket.written, outlet.given, pump.idle) == (b"", EventId(1, 0), False)
    socket.reads.set()
    await outlet.room()
    await asyncio.sleep(0)
    assert (socket.written, outlet.given) == (b"1;2;3;4;5;", EventId(5, 0))


@pytest.mark.parametrize(("count", "size"), [(4, MAX_BYTES // 3), (MAX_EVENTS + 2, 1)])
async def test_too_much_ends_the_client_with_what_it_was_given(count: int, size: int) -> None:
    socket, outlet, _ = connected()
    socket.reads.clear()
    for number in range(1, count + 1):
        outlet.deliver(Batch([item(number, size)]))
    assert (outlet.end_reason, outlet.given) == ("slow", EventId(1, 0))
    socket.reads.set()
    await until(lambda: socket.ended)
    assert socket.written == b"1;bye"
    outlet.deliver(Batch([item(99)]))
    assert socket.written == b"1;bye"


async def test_one_event_may_be_larger_than_the_limit() -> None:
    socket, outlet, _ = connected()
    socket.reads.clear()
    outlet.deliver(Batch([item(1)]))
    outlet.deliver(Batch([item(2, MAX_BYTES + 10)]))
    assert outlet.end_reason is None


async def test_the_end_comes_after_what_waits() -> None:
    socket, outlet, _ = connected()
    socket.reads.clear()
    outlet.deliver(Batch([item(1)]))
    outlet.deliver(Batch([item(2)]))
    outlet.end("deleted")
    outlet.end("shutdown")
    socket.reads.set()
    await until(lambda: socket.ended)
    assert (socket.written, outlet.end_reason) == (b"1;2;bye", "deleted")


async def test_a_client_that_is_gone_is_written_to_no_more() -> None:
    socket, outlet, pump = connected()
    socket.error = OSError("gone")
    outlet.deliver(Batch([item(1)]))
    socket.error = None
    outlet.deliver(Batch([item(2)]))
    assert (socket.written, pump.broken) == (b"", True)


async def test_a_client_that_goes_while_a_write_waits() -> None:
    socket, outlet, pump = connected()
    socket.reads.clear()
    outlet.deliver(Batch([item(1)]))
    socket.error = OSError("gone")
    socket.reads.set()
    await until(lambda: pump.broken)
    outlet.deliver(Batch([item(2)]))
    assert socket.written == b""


async def test_stopping_cancels_the_write_that_waits() -> None:
    socket, outlet, pump = connected()
    socket.reads.clear()
    outlet.deliver(Batch([item(1)]))
    pump.stop()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    socket.reads.set()
    await asyncio.sleep(0)
    assert socket.written == b""


async def test_somebody_without_a_pump_waits_for_a_change() -> None:
    outlet = Outlet()
    waiting = asyncio.create_task(changed(outlet))
    await asyncio.sleep(0)
    assert not waiting.done()
    outlet.deliver(Batch([item(1)]))
    await waiting
    assert [batch.last for batch in outlet.take()] == [EventId(1, 0)]
