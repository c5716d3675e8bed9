"""Claude Code's process and its standard streams, as the SDK wants them from a Transport.

The SDK has a Transport of its own, which is there only when all of the SDK is imported. Claude Code
takes as long to start, and does not need it: so it is started here, and the SDK gets what runs.
"""

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final, Self

from moorage_api.tasks import end
from moorage_runner.claude.command import Command

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""The longest line the CLI may print: results of tools come in one, some megabytes at times."""

_CHUNK: Final = 64 * 1024
_GRACE_SECONDS: Final = 5.0
"""From the end of its input to SIGTERM, and on to SIGKILL: it writes its transcript down."""

_LAST_WORDS_SECONDS: Final = 0.5
"""For so long its standard error is read to the end: what it started may hold that open."""

_NOT_INHERITED: Final = frozenset({"CLAUDECODE", "CLAUDE_AGENT_SDK_DERIVED_CLIENT_APP"})
"""They speak of a Claude Code that this process itself might run in."""


class ClaudeExitedError(OSError):
    """Claude Code ended with another code than 0."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Claude Code ended with code {code}")


class Pipes:
    """A Claude Code that was started: a claude_agent_sdk.Transport in all but its base."""

    def __init__(self, process: Process, tell: Callable[[str], None]) -> None:
        self._process = process
        self._writing = asyncio.Lock()
        self._hearing = asyncio.create_task(self._hear(tell), name="claude-stderr")

    @classmethod
    async def open(cls, command: Command, tell: Callable[[str], None]) -> Self:
        """Start Claude Code; `tell` takes the lines it writes to standard error.

        Raises:
            OSError: It cannot be started.
        """
        inherited = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        process = await asyncio.create_subprocess_exec(
            *command.words,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=command.folder,
            env={**inherited, **command.environment},
        )
        return cls(process, tell)

    async def connect(self) -> None:
        """Do nothing: it was started."""

    def is_ready(self) -> bool:
        """Whether it may be written to."""
        return self._process.returncode is None and not self._input.is_closing()

    async def write(self, data: str) -> None:
        """Write to its standard input.

        Raises:
            OSError: It does not listen any more.
        """
        async with self._writing:
            if not self.is_ready():
                msg = "Claude Code does not listen any more"
                raise ConnectionError(msg)
            self._input.write(data.encode())
            await self._input.drain()

    async def end_input(self) -> None:
        """Close its standard input, which asks it to end."""
        async with self._writing:
            self._input.close()

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """Give the messages that it prints, one in a line; other lines are left out.

        Raises:
            ValueError: A line is too long, is no text, or looks like a message and is none.
            ClaudeExitedError: It ended with another code than 0.
        """
        async for line in self._lines():
            if line.startswith("{"):
                yield _message(line)
        if code := await self._process.wait():
            raise ClaudeExitedError(code)

    async def close(self) -> None:
        """End it: by the end of its input, by SIGTERM, by SIGKILL."""
        self._input.close()
        process = self._process
        for press in (None, process.terminate, process.kill):
            if press:
                with suppress(ProcessLookupError):
                    press()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRACE_SECONDS):
                    await process.wait()
                    break
        await asyncio.wait({self._hearing}, timeout=_LAST_WORDS_SECONDS)
        await end(self._hearing)

    async def _lines(self) -> AsyncIterator[str]:
        """Give whole lines; what comes after the last one was cut off."""
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        parts: list[bytes] = []
        size = 0
        while chunk := await self._process.stdout.read(_CHUNK):
            *ends, rest = chunk.split(b"\n")
            for each in ends:
                yield b"".join((*parts, each)).decode().strip()
                parts, size = [], 0
            parts.append(rest)
            size += len(rest)
            if size > MAX_MESSAGE_BYTES:
                msg = f"a message is longer than {MAX_MESSAGE_BYTES} bytes"
                raise ValueError(msg)

    async def _hear(self, tell: Callable[[str], None]) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was asked for
        rest = b""
        while chunk := await self._process.stderr.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-_CHUNK:]
            for line in filter(bytes.strip, lines):
                tell(line.decode("utf-8", "replace"))
        if rest.strip():
            tell(rest.decode("utf-8", "replace"))

    @property
    def _input(self) -> asyncio.StreamWriter:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        return self._process.stdin


def _message(line: str) -> dict[str, Any]:
    # Not pydantic's parser, which takes no half of a pair of surrogates: Claude Code, cutting a
    # text, may well print one.
    try:
        message: dict[str, Any] = json.loads(line)
    except RecursionError:
        msg = "a message is nested too deeply"
        raise ValueError(msg) from None
    return message
