"""Works on a turn until it has an end: sends, waits, tries again, starts Claude Code anew."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from time import time
from typing import Any
from uuid import uuid4

from moorage_api.base import now
from moorage_api.events import ErrorData, ErrorEvent, Event
from moorage_api.reasons import Reason
from moorage_runner import retry
from moorage_runner.claude import Claude, ClaudeGoneError
from moorage_runner.errors import ClaudeEndedError
from moorage_runner.resume import CONTINUATION, RETRY
from moorage_runner.translate import TurnResult
from moorage_runner.turn import Conclusion, Turn, interrupted

MAX_DEATHS = 3
"""How often Claude Code may end by itself in one turn."""

_INTERRUPT_SECONDS = 5.0
_INTERRUPTS = 3


class Attempts:
    """The tries of a turn."""

    def __init__(
        self,
        claude: Claude,
        publish: Callable[[Event], None],
        connect: Callable[[], Awaitable[None]],
        is_written: Callable[[str], Awaitable[bool]],
        rate_limited: Callable[[bool], None],
        policy: retry.RetryPolicy,
    ) -> None:
        self._claude = claude
        self._publish = publish
        self._connect = connect
        self._is_written = is_written
        self._rate_limited = rate_limited
        self._policy = policy

    async def run(self, turn: Turn, prompt_id: str, *, send: bool) -> Conclusion | None:
        """Work on a turn; None: it was suspended, and goes on after the next start.

        Raises:
            ClaudeEndedError, ClaudeNotStartedError: Claude Code cannot be kept running.
        """
        turn.message_ids.add(prompt_id)
        text, message_id = (turn.job.prompt.content, prompt_id) if send else (CONTINUATION, None)
        tries = deaths = 0
        while not turn.ending.is_set():
            result = await self._attempt(turn, text, message_id or str(uuid4()))
            if turn.suspended:
                return None
            if result is None and turn.ending.is_set():
                return interrupted()
            if result is None:
                deaths += 1
                self._tell_of_death(turn, deaths)
                nudge = CONTINUATION
            else:
                turn.usage = turn.usage.plus(result.usage)
                if result.ending != "failed":
                    return Conclusion(result)
                decision = self._decide(turn, result, tries)
                if isinstance(decision, retry.GiveUp):
                    return Conclusion(result, decision)
                tries += 1
                await self._pause(turn, result, decision.delay, tries)
                nudge = RETRY
            if await self._is_written(prompt_id):
                text, message_id = nudge, None
            else:
                text, message_id = turn.job.prompt.content, prompt_id
        return None if turn.suspended else interrupted()

    async def _attempt(self, turn: Turn, text: str, message_id: str) -> TurnResult | None:
        """Send a message and wait for the result; None: there will be none."""
        if not self._claude.connected:
            await self._connect()
        turn.result = asyncio.get_running_loop().create_future()
        turn.message_ids.add(message_id)
        gone = asyncio.create_task(self._claude.gone())
        ending = asyncio.create_task(turn.ending.wait())
        try:
            await self._claude.send(text, message_id)
            first: set[asyncio.Future[Any]] = {turn.result, gone, ending}
            await asyncio.wait(first, return_when="FIRST_COMPLETED")
            if turn.ending.is_set() and not turn.abandoned and not turn.result.done():
                await self._interrupt(turn.result, gone)
        except ClaudeGoneError:
            await self._claude.close()
        finally:
            gone.cancel()
            ending.cancel()
        return turn.result.result() if turn.result.done() else None

    async def _interrupt(
        self, result: asyncio.Future[TurnResult], gone: asyncio.Task[None]
    ) -> None:
        """Make Claude Code stop. It may not have begun yet, so it is told more than once."""
        ends: set[asyncio.Future[Any]] = {result, gone}
        for _ in range(_INTERRUPTS):
            await self._claude.interrupt()
            await asyncio.wait(ends, timeout=_INTERRUPT_SECONDS, return_when="FIRST_COMPLETED")
            if result.done() or gone.done():
                return
        await self._claude.close()

    def _decide(self, turn: Turn, result: TurnResult, tries: int) -> retry.Again | retry.GiveUp:
        ends = turn.limit_ends - time() if turn.limit_ends else None
        told = retry.Told(ends, turn.last_wait)
        turn.limit_ends, turn.last_wait = None, 0.0
        return retry.decide(result, tries, self._policy, told, random.uniform)

    async def _pause(self, turn: Turn, result: TurnResult, delay: float, tries: int) -> None:
        data = ErrorData(
            code=f"MODEL_{result.status}" if result.status else "MODEL_UNREACHABLE",
            message=result.message,
            turn_id=turn.id,
            retryable=True,
            retry_in_ms=int(delay * 1000),
            attempt=tries,
        )
        self._publish(ErrorEvent(timestamp=now(), data=data))
        self._rate_limited(True)
        try:
            async with asyncio.timeout(delay):
                await turn.ending.wait()
        except TimeoutError:
            pass
        finally:
            self._rate_limited(False)

    def _tell_of_death(self, turn: Turn, deaths: int) -> None:
        if deaths > MAX_DEATHS:
            raise ClaudeEndedError(deaths, self._claude.cause.partition(":")[0])
        data = ErrorData(
            code=Reason.CLAUDE_ENDED.name,
            message="Claude Code ended by itself; it is started again and goes on.",
            turn_id=turn.id,
            retryable=True,
            retry_in_ms=0,
            attempt=deaths,
        )
        self._publish(ErrorEvent(timestamp=now(), data=data))
