"""A session's work: answers prompts until the batch is done, or until told to stop."""

import asyncio
from contextlib import suppress

from moorage_api.quantities import parse_duration
from moorage_api.reasons import ExitCode, Reason
from moorage_api.resources import Phase
from moorage_runner.errors import BatchFailedError
from moorage_runner.parts import Parts
from moorage_runner.retry import GiveUp
from moorage_runner.turns import Turns

_CLOSING_SECONDS = 7.0
"""What is kept of the grace time for interrupting, flushing and ending Claude Code."""

_SUSPEND_SECONDS = 4.0


class Answering:
    """Takes prompts from the queue, one after the other."""

    def __init__(self, parts: Parts, turns: Turns) -> None:
        self._parts = parts
        self._turns = turns

    async def run(self, stop: asyncio.Event) -> int:
        """Answer prompts until the batch is done, or until told to stop."""
        parts = self._parts
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                given_up = await self._answer_next(stopped)
                if not parts.spec.interactive and not stop.is_set() and not len(parts.queue):
                    return await self._complete(given_up)
            parts.status.enter(Phase.SUSPENDING, Reason.REQUESTED)
            return ExitCode.AGAIN
        finally:
            stopped.cancel()

    async def _answer_next(self, stopped: asyncio.Task[bool]) -> GiveUp | None:
        parts = self._parts
        if parts.spec.interactive or len(parts.queue):
            waiting = asyncio.create_task(parts.queue.next())
            await asyncio.wait({waiting, stopped}, return_when="FIRST_COMPLETED")
            if not waiting.done():
                waiting.cancel()
                return None
            parts.status.queued(len(parts.queue))
            answering = asyncio.create_task(self._turns.answer(waiting.result()))
            try:
                await asyncio.wait({answering, stopped}, return_when="FIRST_COMPLETED")
                if not answering.done():
                    await self._stop_answering(answering)
                return await answering
            finally:
                answering.cancel()
        return None

    async def _stop_answering(self, answering: asyncio.Task[GiveUp | None]) -> None:
        """Let the turn end by itself if it does so soon; else leave it for the next start."""
        parts = self._parts
        parts.status.enter(Phase.SUSPENDING, Reason.REQUESTED)
        patience = parts.settings.grace_seconds - _CLOSING_SECONDS
        if patience > 0 and not parts.state.now.pending_approvals:
            await asyncio.wait({answering}, timeout=patience)
        if not answering.done():
            self._turns.suspend()
            await asyncio.wait({answering}, timeout=_SUSPEND_SECONDS)

    async def _complete(self, given_up: GiveUp | None) -> int:
        """End a batch session."""
        if given_up:
            known = set(Reason)
            reason = Reason(given_up.reason) if given_up.reason in known else None
            raise BatchFailedError(reason or Reason.RUNNER_FAILED, given_up.message)
        lifetime = parse_duration(self._parts.spec.timeouts.lifetime).total_seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(lifetime):
                await self._turns.quiet.wait()
        self._parts.status.enter(Phase.SUCCEEDED, Reason.COMPLETED)
        return ExitCode.COMPLETE
