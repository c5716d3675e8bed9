"""The one connection that waits for events: a blocking XREAD of all streams, packed by hand.

The packed keys are kept while the set of streams stays the same, positions while they do. With
redis-py's own packing a read of a hundred streams takes several times as long.
"""

import asyncio
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from moorage_gateway.live.ids import EventId
from moorage_gateway.pipelined import bulk

BLOCK_MS: Final = 5_000
"""How long Redis may hold a read back. A connection that is silent for longer is given up."""

_GRACE_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 5.0
_EVENTS_PER_READ: Final = 64

Reply = list[tuple[bytes, list[tuple[bytes, list[bytes]]]]]


class BlockingLink:
    """Reads streams on a connection of its own, one read at a time."""

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._connection: AbstractConnection | None = None
        self._keys: tuple[bytes, ...] = ()
        self._head = b""

    async def connect(self) -> None:
        """Connect anew."""
        await self.close()
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        # Waiting is limited per read here; the library's limit would make a task of each write.
        connection.socket_timeout = None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._connection = connection

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def read(self, keys: tuple[bytes, ...], positions: Sequence[EventId]) -> Reply:
        """Return what follows the positions, at least one event; or nothing after BLOCK_MS.

        Raises:
            RedisError, OSError, TimeoutError: if Redis does not answer or refuses.
        """
        if self._connection is None:
            raise ConnectionError
        if keys != self._keys:
            self._keys, self._head = keys, _head(keys)
        command = b"".join([self._head, *map(_packed, positions)])
        await self._connection.send_packed_command(command, check_health=False)
        async with asyncio.timeout(BLOCK_MS / 1000 + _GRACE_SECONDS):
            reply: Any = await self._connection.read_response(timeout=math.inf)
        if isinstance(reply, dict):  # as RESP3 has it
            return list(reply.items())
        return reply or []


@lru_cache(maxsize=8192)
def _packed(position: EventId) -> bytes:
    """Return a position as it goes out. From one read to the next most of them stay the same."""
    milliseconds, sequence = position
    return bulk(b"%d-%d" % (milliseconds, sequence))


def _head(keys: Sequence[bytes]) -> bytes:
    words = [
        b"XREAD", b"COUNT", b"%d" % _EVENTS_PER_READ, b"BLOCK", b"%d" % BLOCK_MS, b"STREAMS", *keys
    ]  # fmt: skip
    return b"*%d\r\n" % (len(words) + len(keys)) + b"".join(map(bulk, words))
