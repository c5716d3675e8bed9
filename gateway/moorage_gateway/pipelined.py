"""Questions to Redis that every request asks: all that are asked at one moment go out together.

A command by redis-py costs 0.2 ms of processor time, most of it for a connection and a write of its
own. Here one connection serves the whole process, commands come packed, and what several requests
ask while an answer is awaited goes out in one write. For short commands only: each waits for those
before it.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from moorage_api.redis_client import FAILURES
from moorage_api.tasks import end

_CLOSED: Final = "closed"


def bulk(word: bytes) -> bytes:
    """Return a word of a command as it goes out (RESP, a bulk string)."""
    return b"$%d\r\n%b\r\n" % (len(word), word)


def pack(*words: str | bytes | int) -> bytes:
    """Return a command as it goes out (RESP, an array of bulk strings)."""
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(map(bulk, encoded))


@dataclass(frozen=True, slots=True)
class _Question:
    commands: Sequence[bytes]
    answer: asyncio.Future[list[Any]]

    def take(self, replies: list[Any]) -> None:
        """Give the replies to who asked, if they still wait."""
        if self.answer.done():
            return
        refusal = next((reply for reply in replies if isinstance(reply, ResponseError)), None)
        if refusal is None:
            self.answer.set_result(replies)
        else:
            self.answer.set_exception(refusal)

    def fail(self, reason: str) -> None:
        """Say that there is no answer, to who still waits."""
        if not self.answer.done():
            self.answer.set_exception(RedisConnectionError(reason))


class Pipelined:
    """One connection, made when it is needed and anew after each failure."""

    def __init__(self, redis: Redis, limit_seconds: float) -> None:
        self._pool = redis.connection_pool
        self._limit = limit_seconds
        self._connection: AbstractConnection | None = None
        self._waiting: list[_Question] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, *commands: bytes) -> list[Any]:
        """Return the replies to packed commands. Nothing is asked twice by itself.

        Raises:
            RedisError: if there is no answer within twice the time limit, or one is an error.
        """
        return await self.put(*commands)

    def put(self, *commands: bytes) -> asyncio.Future[list[Any]]:
        """Ask, and return where the replies will be: what is asked before one waits goes along.

        Who does not wait for it cancels it.
        """
        question = _Question(commands, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="pipelined")
        return question.answer

    async def close(self) -> None:
        """End; who still waits gets no answer."""
        if self._task is not None:
            await end(self._task)
            self._task = None
            self._fail((), _CLOSED)  # a task that had not begun yet has told nobody
        await self._disconnect()

    async def _work(self) -> None:
        """Exchange until nobody waits."""
        asked: list[_Question] = []
        reason = _CLOSED
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                try:
                    await self._exchange(asked)
                except FAILURES as error:
                    reason = type(error).__name__
                    await self._disconnect()
                    self._fail(asked, reason)
        finally:
            self._task = None
            self._fail(asked, reason)

    def _fail(self, asked: Sequence[_Question], reason: str) -> None:
        """Fail those who asked, and who came meanwhile: they have waited as long."""
        for question in (*asked, *self._waiting):
            question.fail(reason)
        self._waiting = []

    async def _exchange(self, asked: Sequence[_Question]) -> None:
        async with asyncio.timeout(self._limit):
            connection = self._connection or await self._connect()
            commands = [command for question in asked for command in question.commands]
            await connection.send_packed_command(b"".join(commands), check_health=False)
            for question in asked:
                question.take([await _reply(connection) for _ in question.commands])

    async def _connect(self) -> AbstractConnection:
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        # Waiting is limited above, for all of an exchange.
        connection.socket_timeout = None
        self._connection = connection
        await connection.connect()  # type: ignore[no-untyped-call]
        return connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)


async def _reply(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(timeout=math.inf)
    except ResponseError as refusal:  # of this command; the next has its own
        return refusal


@asynccontextmanager
async def open_pipelined(redis: Redis, limit_seconds: float) -> AsyncIterator[Pipelined]:
    """Yield questions to this Redis, closed at the end."""
    pipelined = Pipelined(redis, limit_seconds)
    try:
        yield pipelined
    finally:
        await pipelined.close()
