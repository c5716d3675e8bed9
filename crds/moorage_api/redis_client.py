"""How every part talks to Redis: with a time limit for each call, none repeated unasked.

Before Python 3.12, ``asyncio.wait_for`` swallows a cancellation that comes as the call returns, and
redis-py writes every command through it: now and then a task would not end when it is told to.
The connections here limit the writing otherwise, which saves a task for each command as well.
"""

import asyncio
import ssl
import time
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from moorage_api.redis_tls import RedisTls

FAILURES: Final[tuple[type[Exception], ...]] = (RedisError, OSError, TimeoutError)
"""What a call may raise while Redis is away, starting, full or has lost its data."""


class _Cancellable(AbstractConnection):
    """A connection whose commands can be cancelled at any moment."""

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Write a command, within the connection's time limit."""
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise
        finally:
            self.socket_timeout = limit


class _Tcp(_Cancellable, Connection):
    """Plain TCP."""


class _Tls(_Cancellable, SSLConnection):
    """TCP with TLS, as one context says for all of a client's connections."""

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = tls


class _Unix(_Cancellable, UnixDomainSocketConnection):
    """A unix socket."""


_KINDS: Final[dict[type, type[AbstractConnection]]] = {
    Connection: _Tcp,
    SSLConnection: _Tls,
    UnixDomainSocketConnection: _Unix,
}


def make_redis(
    url: str,
    *,
    timeout_seconds: float = 5.0,
    connect_timeout_seconds: float = 2.0,
    pool_size: int = 32,
    client_name: str = "moorage",
    tls: RedisTls = RedisTls(),  # noqa: B008 - frozen
) -> Redis:
    """Return a client for ``url``, which gives bytes. Nothing is connected before it is used.

    ``tls`` counts where the URL asks for TLS (rediss://).

    Who calls knows whether a call may be repeated, so the client never does it. Who finds all
    connections in use waits for one.
    """
    options: dict[str, Any] = {} if url.startswith("unix") else {"socket_keepalive": True}
    if url.startswith("rediss"):
        options["tls"] = tls.context()
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=pool_size,
        timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=connect_timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        decode_responses=False,
        client_name=client_name,
        driver_info=None,  # CLIENT SETINFO: a round trip, and Redis before 7.2 does not know it
        **options,
    )
    pool.connection_class = _KINDS[pool.connection_class]
    return Redis.from_pool(pool)


async def ping(redis: Redis) -> float:
    """Return how many seconds Redis takes to answer.

    Raises:
        RedisError, OSError, TimeoutError: if it does not.
    """
    started = time.perf_counter()
    await redis.execute_command("PING")  # type: ignore[no-untyped-call]
    return time.perf_counter() - started
