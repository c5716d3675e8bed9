"""The agent of a session's pod: waits for it, and learns at once when it is gone.

The runner attends by holding one connection to it. What comes over that, apart from its first
line, or its end, means that the agent is of no more use: it ended, or something in it did that.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from time import monotonic
from typing import NoReturn

from moorage_agent.protocol import ATTEND, READY, SECONDS, Request, encode
from moorage_api.tasks import end
from moorage_runner.commands import Launcher
from moorage_runner.errors import AgentEndedError

_CREDENTIALS = struct.Struct("iii")
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.2


class _NotThereError(Exception):
    """The agent cannot be attended, for now."""


class Agent:
    """The agent that a launcher leads to."""

    def __init__(self, launcher: Launcher) -> None:
        self._path = str(launcher.socket)
        self._user = launcher.user
        self._gone = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None

    async def attend(self, patience: float) -> None:
        """Connect, as soon as the agent is there.

        Raises:
            AgentEndedError: It was not there within `patience` seconds.
        """
        cause, began = "nothing was tried", monotonic()
        try:
            async with asyncio.timeout(patience):
                while True:
                    try:
                        return await self._connect()
                    except (OSError, TimeoutError, ValueError, _NotThereError) as error:
                        cause = f"{type(error).__name__}: {error}"
                    # Each a tenth of the wait so far: no start gets much longer by it.
                    pause = (monotonic() - began) / 10
                    await asyncio.sleep(min(max(pause, _FIRST_PAUSE), _LONGEST_PAUSE))
        except TimeoutError:
            raise AgentEndedError.never_came(patience, cause) from None

    @property
    def is_gone(self) -> bool:
        """Whether the agent was there and no longer is."""
        return self._gone.is_set()

    async def lost(self) -> NoReturn:
        """Wait until the agent is gone.

        Raises:
            AgentEndedError: It is.
        """
        await self._gone.wait()
        raise AgentEndedError.went_away()

    async def close(self) -> None:
        """Leave the agent: it ends what still runs, and itself."""
        if self._listening:
            await end(self._listening)
        if self._writer:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    async def _connect(self) -> None:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_unix_connection(self._path, limit=2 * len(READY))
            try:
                await self._greet(reader, writer)
            except BaseException:
                writer.close()
                raise
        self._writer = writer
        self._listening = asyncio.create_task(self._listen(reader), name="agent")

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (found := _peer_user(writer)) != self._user:
            text = f"the user {found} listens there, not {self._user}"
            raise _NotThereError(text)
        writer.write(encode(Request(ATTEND, "/", [], {})))
        await writer.drain()
        if await reader.readline() != READY:
            text = "it does not answer as an agent"
            raise _NotThereError(text)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            await reader.read(1)
        self._gone.set()


def _peer_user(writer: asyncio.StreamWriter) -> int:
    connection: socket.socket = writer.get_extra_info("socket")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user: int = _CREDENTIALS.unpack(raw)[1]
    return user
