"""HTTP/1.1 by hand, on one connection: what is sent is what a test wrote, to the byte."""

import asyncio
from dataclasses import dataclass
from typing import Any, Self

from pydantic_core import from_json

LIMIT = 10.0
"""Seconds that an answer may take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return from_json(self.body)

    @property
    def closes(self) -> bool:
        """Whether the server closes the connection after it."""
        return self.headers.get("connection", "").lower() == "close"


class Wire:
    """A connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        """Connect to a port of the loopback."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()
        await asyncio.sleep(0)

    async def ask(
        self, method: str, target: str, body: bytes | None = None, **headers: str
    ) -> Answer:
        """Send a request and return its answer."""
        await self.send(method, target, body, **headers)
        return await self.answer()

    async def send(
        self, method: str, target: str, body: bytes | None = None, **headers: str
    ) -> None:
        """Send a request; underscores in the headers' names stand for hyphens."""
        lines = [f"{method} {target} HTTP/1.1"]
        given = {"Host": "localhost"} | {k.replace("_", "-"): v for k, v in headers.items()}
        if body is not None:
            given |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        lines += [f"{name}: {value}" for name, value in given.items()]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + (body or b""))
        await self._writer.drain()

    async def write(self, data: bytes) -> None:
        """Send bytes, whatever they are a part of."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> Answer:
        """Return the next answer.

        Raises:
            EOFError: if the connection ends before it is whole.
        """
        async with asyncio.timeout(LIMIT):
            status, headers = await self.head()
            if headers.get("transfer-encoding") == "chunked":
                return Answer(status, headers, await self._chunks())
            length = int(headers.get("content-length", "0"))
            return Answer(status, headers, await self._reader.readexactly(length))

    async def head(self) -> tuple[int, dict[str, str]]:
        """Return the status and the headers, their names in lower case."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def until(self, said: bytes) -> None:
        """Read until this has come."""
        async with asyncio.timeout(LIMIT):
            await self._reader.readuntil(said)

    async def until_end(self) -> bytes:
        """Return what comes until the server closes the connection."""
        async with asyncio.timeout(LIMIT):
            return await self._reader.read()

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return body
