"""One Claude Code process after the other, and what each of them says."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from moorage_api.tasks import end
from moorage_runner.claude import sdk
from moorage_runner.claude.command import Command
from moorage_runner.claude.pipes import Pipes
from moorage_runner.errors import ClaudeNotStartedError
from moorage_runner.logs import get_logger

if TYPE_CHECKING:
    from claude_agent_sdk import CanUseTool, ClaudeSDKClient

Json = dict[str, Any]

CONNECT_SECONDS = 60.0
CONTROL_SECONDS = 15.0
CLOSE_SECONDS = 20.0
_WORDS = 20
_WORD_LENGTH = 500


class ClaudeGoneError(Exception):
    """Claude Code ended by itself, or does not take what is written to it."""


class Claude:
    """Claude Code, connected or not. Messages go to `listener` as they come."""

    def __init__(self, listener: Callable[[Json], None]) -> None:
        self._listener = listener
        self._client: ClaudeSDKClient | None = None
        self._pump: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._cause = ""
        self._last_words: deque[str] = deque(maxlen=_WORDS)

    @property
    def connected(self) -> bool:
        """Whether there is a process that has not ended."""
        return self._client is not None and not self._gone.is_set()

    @property
    def cause(self) -> str:
        """Why the last process ended."""
        return self._cause

    async def connect(self, command: Command, ask: "CanUseTool") -> None:
        """Start Claude Code; `ask` is asked whether it may use a tool.

        Raises:
            ClaudeNotStartedError: with what it said last.
        """
        await self.close()
        self._last_words.clear()
        try:
            client = await self._connect(command, ask)
        except (OSError, TimeoutError, ValueError) as error:
            # A ValueError: what it says is not even text.
            words = " ".join(self._last_words)[-_WORD_LENGTH:]
            raise ClaudeNotStartedError(type(error).__name__, words or str(error)) from error
        self._gone = asyncio.Event()
        self._client = client
        self._pump = asyncio.create_task(self._listen(client, self._gone), name="claude-messages")

    async def send(self, text: str, message_id: str) -> None:
        """Send a message of the user.

        Raises:
            ClaudeGoneError: it cannot be sent.
        """
        try:
            async with asyncio.timeout(CONTROL_SECONDS):
                await self._connected().query(_one_message(text, message_id))
        except (OSError, TimeoutError) as error:
            raise ClaudeGoneError(type(error).__name__) from error

    async def interrupt(self) -> None:
        """End what it works on.

        Raises:
            ClaudeGoneError: it does not answer.
        """
        await self._controlled(self._connected().interrupt())

    async def set_permission_mode(self, mode: str) -> None:
        """Change the permission mode.

        Raises:
            ClaudeGoneError: it does not answer, or refuses.
        """
        await self._controlled(self._connected().set_permission_mode(cast("Any", mode)))

    async def set_model(self, model: str | None) -> None:
        """Change the model; None: its own.

        Raises:
            ClaudeGoneError: it does not answer, or refuses.
        """
        await self._controlled(self._connected().set_model(model))

    async def gone(self) -> None:
        """Wait until the process has ended."""
        await self._gone.wait()

    async def close(self) -> None:
        """End the process, if there is one."""
        client, self._client = self._client, None
        pump, self._pump = self._pump, None
        if client is not None:
            await _see_through(_disconnect(client))
        if pump is not None:
            await end(pump)

    async def _connect(self, command: Command, ask: "CanUseTool") -> "ClaudeSDKClient":
        """Start it, and only then see to it that the SDK, which takes as long, is there."""
        pipes = await Pipes.open(command, self._heard)
        try:
            await sdk.load()
            client = _client(pipes, command, ask)
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect()
        except BaseException:
            await _see_through(pipes.close())
            raise
        return client

    def _connected(self) -> "ClaudeSDKClient":
        if self._client is None or self._gone.is_set():
            raise ClaudeGoneError(self._cause or "it is not connected")
        return self._client

    async def _controlled(self, call: Any) -> None:
        try:
            async with asyncio.timeout(CONTROL_SECONDS):
                await call
        except TimeoutError as error:
            raise ClaudeGoneError("no answer") from error
        except Exception as error:  # the SDK raises a bare Exception for what the CLI refuses
            raise ClaudeGoneError(str(error)[:_WORD_LENGTH]) from error

    async def _listen(self, client: "ClaudeSDKClient", gone: asyncio.Event) -> None:
        """Hand over the messages as the CLI prints them; the SDK's parsed ones leave things out."""
        cause = "it closed its output"
        try:
            async for raw in cast("Any", client)._query.receive_messages():
                self._hear(raw)
        except Exception as error:  # whatever it is: this process is of no more use
            cause = f"{type(error).__name__}: {error}"[:_WORD_LENGTH]
        self._cause = cause
        get_logger().warning("claude code ended", cause=cause.partition(":")[0])
        gone.set()

    def _hear(self, raw: Json) -> None:
        try:
            self._listener(raw)
        except Exception:
            get_logger().exception("a message was not understood", type=raw.get("type"))

    def _heard(self, line: str) -> None:
        self._last_words.append(line[:_WORD_LENGTH])


def _client(pipes: Pipes, command: Command, ask: "CanUseTool") -> "ClaudeSDKClient":
    """Return the SDK's client for a Claude Code that runs; its words are said already."""
    from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient  # noqa: PLC0415 - claude.sdk

    options = ClaudeAgentOptions(
        can_use_tool=ask, env=dict(command.environment), forward_subagent_text=True
    )
    return ClaudeSDKClient(options, transport=cast("Any", pipes))


async def _see_through(ending: Coroutine[Any, Any, None]) -> None:
    """Not in a task that may be cancelled: that would leave the process behind."""
    closing = asyncio.create_task(ending, name="claude-close")
    await asyncio.wait({closing}, timeout=CLOSE_SECONDS)


async def _disconnect(client: "ClaudeSDKClient") -> None:
    with suppress(Exception):
        await client.disconnect()


async def _one_message(text: str, message_id: str) -> AsyncIterator[Json]:
    yield {
        "type": "user",
        "message": {"role": "user", "content": text},
        "uuid": message_id,
        "parent_tool_use_id": None,
        "session_id": "default",
    }
