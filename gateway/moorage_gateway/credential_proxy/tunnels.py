"""Tunnels to the hosts that a session may use: an HTTP proxy that knows CONNECT and nothing else.

What is inside a tunnel is TLS between the session and the host. Here the name is checked against
the session's hosts, and each address as it is connected to. A tunnel ends with its session's grant.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from prometheus_client import Counter as Counted

from moorage_api.base import now
from moorage_gateway.credential_proxy.addresses import Addresses
from moorage_gateway.credential_proxy.errors import (
    BadRequest,
    HostRefused,
    NotSignedIn,
    ProxyError,
    TooMany,
    Unavailable,
)
from moorage_gateway.credential_proxy.passes import Passes, Session
from moorage_gateway.credential_proxy.settings import TunnelSettings
from moorage_gateway.credential_proxy.tokens import proxy_token_of

_log = structlog.get_logger(__name__)
_LONGEST_HEAD: Final = 8192
_CHUNK: Final = 64 * 1024
_HEAD_SECONDS: Final = 10.0
_CONNECT_SECONDS: Final = 10.0
_MOST_PORT: Final = 65_535

Resolve = Callable[[str, int], Awaitable[Sequence[tuple[Any, ...]]]]
"""Gives a name's addresses as getaddrinfo does."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a client wants to go, and what it proves itself with."""

    host: str
    port: int
    headers: dict[str, str]


class Tunnels:
    """Serves clients, one tunnel for each connection."""

    def __init__(
        self,
        passes: Passes,
        addresses: Addresses,
        settings: TunnelSettings,
        refusals: Counted,
        resolve: Resolve,
    ) -> None:
        self._passes = passes
        self._addresses = addresses
        self._settings = settings
        self._refusals = refusals
        self._resolve = resolve
        self._open: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self, host: str, port: int | None) -> AsyncIterator[int | None]:
        """Serve while this is open, if there is a port for it; yields the port.

        Raises:
            OSError: the port is another's.
        """
        if port is None:
            yield None
            return
        server = await asyncio.start_server(self._accept, host, port, limit=_LONGEST_HEAD)
        async with server:
            yield server.sockets[0].getsockname()[1]
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="tunnel")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except ProxyError as error:
            self._refusals.labels(error.kind).inc()
            _log.info("tunnel refused", kind=error.kind)
            with suppress(OSError):
                writer.write(_refusal(error))
                await writer.drain()
        except (OSError, TimeoutError) as error:
            _log.info("tunnel broke off", cause=type(error).__name__)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = await _read(reader)
        token = proxy_token_of(wanted.headers)
        session = await self._passes.session(token)
        self._check(session, wanted)
        self._open[session.id] += 1
        try:
            far = await self._connect(wanted)
            try:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await self._carry((reader, writer), far, session, wanted, token)
            finally:
                far[1].close()
        finally:
            self._open[session.id] -= 1
            if not self._open[session.id]:
                del self._open[session.id]

    def _check(self, session: Session, wanted: Wanted) -> None:
        """Check that a session may go there.

        Raises:
            ProxyError: It may not.
        """
        if str(wanted.port) not in self._settings.ports:
            raise HostRefused(f"Port {wanted.port} may not be reached.")
        if not any(_covers(each, wanted.host) for each in session.grant.hosts):
            raise HostRefused(
                f"The host {wanted.host} is not in the session's egress.hosts, so it may not be "
                "reached."
            )
        if self._open[session.id] >= self._settings.concurrency:
            raise TooMany("The session has too many connections open.", 1)

    async def _connect(self, wanted: Wanted) -> Streams:
        """Connect to the first address that may be reached and answers.

        Raises:
            HostRefused: There is none.
        """
        reason = "is not known"
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                for info in await self._resolve(wanted.host, wanted.port):
                    reason = "cannot be reached from here"
                    with suppress(OSError):
                        return await self._connect_to(info)
        except (OSError, TimeoutError):
            pass
        raise HostRefused(f"The host {wanted.host} {reason}.")

    async def _connect_to(self, info: tuple[Any, ...]) -> Streams:
        opened = self._addresses.open_socket(info)
        try:
            await asyncio.get_running_loop().sock_connect(opened, info[4])
            return await asyncio.open_connection(sock=opened)
        except BaseException:
            opened.close()
            raise

    async def _carry(
        self, near: Streams, far: Streams, session: Session, wanted: Wanted, token: str
    ) -> None:
        began, carried = now(), [0, 0]
        watch = asyncio.create_task(self._watch(token))
        pumps = [
            asyncio.create_task(self._pump(near[0], far[1], carried, 0)),
            asyncio.create_task(self._pump(far[0], near[1], carried, 1)),
        ]
        try:
            waiting = {watch, *pumps}
            while watch in waiting and len(waiting) > 1:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if any(task.exception() for task in done):
                    break
        finally:
            for task in (watch, *pumps):
                task.cancel()
            await asyncio.gather(watch, *pumps, return_exceptions=True)
            _log.info(
                "tunnel",
                session=session.id,
                namespace=session.grant.namespace,
                host=wanted.host,
                sent_bytes=carried[0],
                received_bytes=carried[1],
                seconds=round((now() - began).total_seconds(), 1),
            )

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        carried: list[int],
        way: int,
    ) -> None:
        """Carry one way until its end, and pass the end on."""
        while True:
            async with asyncio.timeout(self._settings.silence_seconds):
                chunk = await reader.read(_CHUNK)
                if not chunk:
                    break
                carried[way] += len(chunk)
                writer.write(chunk)
                await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _watch(self, token: str) -> None:
        """Return once the session may go there no more."""
        while True:
            await asyncio.sleep(self._settings.recheck_seconds)
            with suppress(Unavailable):  # what was let in stays while nobody can be asked
                try:
                    await self._passes.session(token)
                except NotSignedIn:
                    return


async def resolve(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    """Resolve as the system does."""
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _read(reader: asyncio.StreamReader) -> Wanted:
    """Read a request.

    Raises:
        BadRequest: It is no CONNECT.
        TimeoutError: It did not come.
    """
    try:
        async with asyncio.timeout(_HEAD_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, UnicodeDecodeError):
        raise BadRequest("This is no request that can be read.") from None
    first, *lines = head.split("\r\n")
    method, _, rest = first.partition(" ")
    host, _, port = rest.partition(" ")[0].rpartition(":")
    if method != "CONNECT" or not host or not port.isdecimal() or int(port) > _MOST_PORT:
        raise BadRequest("Only CONNECT is served here: use https.")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().title(): value.strip() for name, _, value in pairs}
    return Wanted(host.lower().rstrip("."), int(port), headers)


def _covers(pattern: str, host: str) -> bool:
    """Whether a host of the spec is this one; `*.` stands for all names below."""
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


def _refusal(error: ProxyError) -> bytes:
    status = 407 if isinstance(error, NotSignedIn) else error.status
    text = f"{error}\n".encode()
    head = f"HTTP/1.1 {status} Refused\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text
