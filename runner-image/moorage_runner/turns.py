"""Answers prompts, one after the other, and hears what Claude Code says meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moorage_api.base import now
from moorage_api.events import (
    ErrorData,
    ErrorEvent,
    Event,
    MessageStartData,
    MessageStartEvent,
    MessageStopData,
    MessageStopEvent,
    UsageData,
    UsageEvent,
)
from moorage_api.inbox import Interrupt, encode_input
from moorage_api.reasons import Reason
from moorage_api.resources import SessionSpec, Usage
from moorage_runner import resume
from moorage_runner.attempts import Attempts
from moorage_runner.budget import refusal
from moorage_runner.claude.command import prompt_id
from moorage_runner.claude.transcript import Transcript, as_frames
from moorage_runner.permissions import Permissions
from moorage_runner.prompt_queue import Job
from moorage_runner.retry import GiveUp
from moorage_runner.settlements import Settlements
from moorage_runner.state import StateKeeper
from moorage_runner.status import Status
from moorage_runner.stream_facts import StreamFacts, TurnFacts
from moorage_runner.translate import Translator, TurnResult, read_result
from moorage_runner.translate.limits import MAX_TEXT_BYTES, shorten
from moorage_runner.translate.system import is_retry, rate_limit_reset, retry_delay
from moorage_runner.turn import Conclusion, Turn, completed, interrupted

Json = dict[str, Any]

_CALM_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class TurnParts:
    """What answering prompts needs."""

    session_id: str
    spec: SessionSpec
    translator: Translator
    publish: Callable[..., None]
    status: Status
    state: StateKeeper
    permissions: Permissions
    settlements: Settlements
    attempts: Attempts


class Turns:
    """The turns of a session."""

    def __init__(self, parts: TurnParts, stream: StreamFacts, transcript: Transcript) -> None:
        self._parts = parts
        self._stream = stream
        self._transcript = transcript
        self._turn: Turn | None = None
        self._background = 0
        self._calm: asyncio.TimerHandle | None = None
        self.quiet = asyncio.Event()
        """Set while nothing is worked on, in the background neither."""
        self.quiet.set()
        last = stream.last_turn_id or "start"
        self._last_turn_id = last
        parts.translator.begin(last, stream.turn(last).last_number)

    @property
    def current(self) -> Turn | None:
        """The turn that is worked on."""
        return self._turn

    async def answer(self, job: Job) -> GiveUp | None:
        """Work on a prompt until it is answered, given up, interrupted or suspended.

        Returns:
            Why it was given up, None if it was not.

        Raises:
            ClaudeEndedError, ClaudeNotStartedError: Claude Code cannot be kept running.
        """
        facts, name = self._stream.turn(job.turn_id), self._prompt_id(job.turn_id)
        step = resume.decide(self._evidence(facts, name))
        if step is resume.Step.SETTLE:
            self._parts.settlements.settle(job.entry_id)
            return None
        if step is resume.Step.SEND and (message := self._refusal()):
            return self._refuse(job, message)
        turn = self._begin(job, facts)
        if step is not resume.Step.SEND:
            self._publish_missing(facts, name)
        conclusion = await self._conclusion(turn, name, step)
        if conclusion is None:
            self._leave(turn)
            return None
        self._finish(turn, conclusion)
        return conclusion.given_up

    def interrupt(self, entry_id: str, value: Interrupt, head: Job | None) -> None:
        """End the turn that is worked on, or was when the runner before this one ended."""
        turn = self._turn
        if turn and value.turn_id in {None, turn.id}:
            turn.interrupts.append(entry_id)
            turn.ending.set()
            return
        if turn is None and head and value.turn_id == head.turn_id:
            head.interrupted = True
        self._parts.settlements.settle(entry_id)

    def suspend(self) -> None:
        """Leave the turn as it is: it goes on after the next start."""
        if self._turn:
            self._turn.suspended = True
            self._turn.abandoned = bool(self._parts.state.now.pending_approvals)
            self._turn.ending.set()

    # What Claude Code says

    def hear(self, raw: Json) -> None:
        """Take a message of Claude Code's."""
        parts = self._parts
        parts.publish(*parts.translator.feed(raw, now()))
        match raw.get("type"):
            case "stream_event" | "assistant":
                parts.status.rate_limited(limited=False)
                if self._turn is None:
                    self._work_in_background(begun=True)
            case "system":
                self._hear_system(raw)
            case "command_lifecycle" if self._turn:
                ours = raw.get("command_uuid") in self._turn.message_ids
                self._turn.started = self._turn.started or (ours and raw.get("state") == "started")
            case "rate_limit_event" if self._turn:
                self._turn.limit_ends = rate_limit_reset(raw) or self._turn.limit_ends
            case "result":
                self._hear_result(read_result(raw))
        if parts.translator.claude_session_id != parts.state.now.claude_session_id:
            parts.state.change(claude_session_id=parts.translator.claude_session_id)

    def _hear_system(self, raw: Json) -> None:
        if is_retry(raw):
            self._parts.status.rate_limited(limited=True)
            if self._turn:
                self._turn.last_wait = retry_delay(raw)
        elif raw.get("subtype") == "background_tasks_changed":
            tasks = raw.get("tasks")
            self._background = len(tasks) if isinstance(tasks, list) else 0
            if self._background:
                self._work_in_background(begun=True)
            elif self._turn is None:
                # Claude Code now mostly tells of it in a turn of its own; if not, that was all.
                loop = asyncio.get_running_loop()
                self._calm = loop.call_later(_CALM_SECONDS, self._calm_down)

    def _hear_result(self, result: TurnResult) -> None:
        turn = self._turn
        if turn and turn.expects(result) and turn.result and not turn.result.done():
            turn.result.set_result(result)
            return
        # Something Claude Code did by itself, such as telling of a task that ended.
        if turn is None and not self._background:
            self._work_in_background(begun=False)
        total = self._parts.state.now.usage.plus(result.usage)
        self._parts.state.change(usage=total)

    def _work_in_background(self, *, begun: bool) -> None:
        if self._calm:
            self._calm.cancel()
            self._calm = None
        if begun:
            self.quiet.clear()
        else:
            self.quiet.set()
        self._parts.status.background(working=begun)

    def _calm_down(self) -> None:
        if self._turn is None and not self._background:
            self._work_in_background(begun=False)

    # A turn's beginning and end

    def _evidence(self, facts: TurnFacts, name: str) -> resume.Evidence:
        held = self._transcript.holds(name)
        return resume.Evidence(
            ended=facts.ended,
            in_transcript=held,
            answered=held and self._transcript.is_answered(name),
        )

    def _refusal(self) -> str | None:
        return refusal(self._parts.spec.budget, self._parts.state.now.usage)

    def _refuse(self, job: Job, message: str) -> GiveUp:
        given_up = GiveUp(Reason.BUDGET_EXCEEDED, message)
        self._parts.publish(_failure(job.turn_id, given_up))
        self._parts.settlements.bury(job.entry_id, encode_input(job.prompt), given_up.reason)
        self._parts.state.change(last_input_id=job.turn_id)
        return given_up

    def _begin(self, job: Job, facts: TurnFacts) -> Turn:
        parts = self._parts
        self._turn = turn = Turn(job)
        self._last_turn_id = turn.id
        self.quiet.clear()
        parts.translator.begin(turn.id, facts.last_number)
        parts.permissions.begin(turn.id, job.prompt.allowed_tools)
        parts.status.turn(turn.id)
        if not facts.shown:
            parts.publish(*_user_message(job, parts.translator.claude_session_id))
        return turn

    async def _conclusion(self, turn: Turn, name: str, step: resume.Step) -> Conclusion | None:
        if turn.job.interrupted:
            return interrupted()
        if step is resume.Step.COMPLETE:
            return completed()
        return await self._parts.attempts.run(turn, name, send=step is resume.Step.SEND)

    def _publish_missing(self, facts: TurnFacts, name: str) -> None:
        """Publish what the transcript has of this turn and the stream has not."""
        answers = self._transcript.answers(name)
        told, missing = answers[: facts.main_messages], answers[facts.main_messages :]
        results = [entry for group in told for entry in group if entry.type == "user"]
        known = frozenset(facts.results)
        at = now()
        for entries in (results, *missing):
            for raw in as_frames(entries, known):
                self._parts.publish(*self._parts.translator.feed(raw, at))
        self._parts.publish(*self._parts.translator.finish(at))

    def _leave(self, turn: Turn) -> None:
        """Leave a suspended turn: nothing is settled, but what it used so far counts."""
        self._turn = None
        self._parts.state.change(usage=self._parts.state.now.usage.plus(turn.usage))

    def _finish(self, turn: Turn, conclusion: Conclusion) -> None:
        parts, result = self._parts, conclusion.result
        self._turn = None
        parts.permissions.finish()
        at = now()
        parts.publish(*parts.translator.finish(at))
        if conclusion.given_up:
            parts.publish(_failure(turn.id, conclusion.given_up))
        used = turn.usage.model_copy(update={"turns": 0 if result.ending == "failed" else 1})
        total = parts.state.now.usage.plus(used)
        parts.publish(UsageEvent(timestamp=at, data=_usage(turn, result, used, total)))
        parts.state.change(
            usage=total,
            last_turn_id=turn.id,
            last_turn_outcome=result.ending,
            last_input_id=turn.id,
        )
        parts.status.turn(None)
        if not self._background:
            self._work_in_background(begun=False)
        self._settle(turn, conclusion.given_up)

    def _settle(self, turn: Turn, given_up: GiveUp | None) -> None:
        settlements = self._parts.settlements
        if given_up:
            settlements.bury(turn.job.entry_id, encode_input(turn.job.prompt), given_up.reason)
        else:
            settlements.settle(turn.job.entry_id)
        for entry_id in turn.interrupts:
            settlements.settle(entry_id)

    def _prompt_id(self, turn_id: str) -> str:
        return prompt_id(self._parts.session_id, turn_id)


def _user_message(job: Job, claude_session_id: str | None) -> tuple[Event, Event]:
    at = now()
    content, cut = shorten(job.prompt.content, MAX_TEXT_BYTES)
    start = MessageStartData(message_id=job.turn_id, role="user", turn_id=job.turn_id)
    stop = MessageStopData(
        message_id=job.turn_id,
        role="user",
        turn_id=job.turn_id,
        content=content,
        claude_session_id=claude_session_id,
        truncated=cut,
    )
    return MessageStartEvent(timestamp=at, data=start), MessageStopEvent(timestamp=at, data=stop)


def _failure(turn_id: str, given_up: GiveUp) -> Event:
    data = ErrorData(code=given_up.code, message=given_up.message, turn_id=turn_id)
    return ErrorEvent(timestamp=now(), data=data)


def _usage(turn: Turn, result: TurnResult, used: Usage, total: Usage) -> UsageData:
    return UsageData(
        turn_id=turn.id,
        outcome=result.ending,
        turn=used,
        total=total,
        duration_ms=turn.duration_ms(),
    )
