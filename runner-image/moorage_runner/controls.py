"""Brings inputs to where they take effect: prompts in order, everything else at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from moorage_api.base import now
from moorage_api.events import ErrorData, ErrorEvent, Event, SystemData, SystemEvent
from moorage_api.inbox import Interrupt, PermissionDecision, Prompt, SetMode, SetModel
from moorage_runner.claude import Claude, ClaudeGoneError
from moorage_runner.inbox import Received
from moorage_runner.permissions import Permissions
from moorage_runner.permissions.approval_ids import turn_of
from moorage_runner.prompt_queue import Job, PromptQueue
from moorage_runner.settlements import Settlements
from moorage_runner.state import StateKeeper
from moorage_runner.status import Status
from moorage_runner.turns import Turns


@dataclass(frozen=True, slots=True)
class ControlParts:
    """What inputs have an effect on."""

    claude: Claude
    queue: PromptQueue
    turns: Turns
    permissions: Permissions
    settlements: Settlements
    state: StateKeeper
    status: Status
    publish: Callable[[Event], None]


class Controls:
    """Takes inputs as they come."""

    def __init__(self, parts: ControlParts) -> None:
        self._parts = parts
        self._changes: asyncio.Queue[tuple[str, SetMode | SetModel]] = asyncio.Queue()

    def take(self, received: Received) -> None:
        """Take an input."""
        parts, entry_id = self._parts, received.entry_id
        match received.value:
            case Prompt() as prompt:
                parts.queue.add(Job(prompt, entry_id))
                parts.status.queued(len(parts.queue))
            case Interrupt() as value:
                parts.turns.interrupt(entry_id, value, parts.queue.head)
            case PermissionDecision() as decision:
                turn_id = turn_of(decision.approval_id)
                parts.permissions.decide(entry_id, decision, turn_is_open=self._is_open(turn_id))
            case SetMode() | SetModel() as change:
                self._changes.put_nowait((entry_id, change))
            case None if received.duplicate:
                parts.settlements.settle(entry_id)
            case None:
                self._refuse(received)

    async def run(self) -> None:
        """Change mode and model until cancelled."""
        while True:
            entry_id, change = await self._changes.get()
            try:
                await self._apply(change)
            except ClaudeGoneError as error:
                self._tell_of_refusal(change, error)
            self._parts.settlements.settle(entry_id)

    async def _apply(self, change: SetMode | SetModel) -> None:
        """Change what runs, and what the next start of Claude Code is told."""
        claude, state = self._parts.claude, self._parts.state
        if isinstance(change, SetMode):
            if claude.connected:
                await claude.set_permission_mode(change.mode)
            state.change(permission_mode=change.mode)
            message = f"The permission mode is now {change.mode}."
            self._tell("permission_mode", message)
        else:
            if claude.connected:
                await claude.set_model(change.model)
            state.change(model=change.model)
            self._tell("model", f"The model is now {change.model or 'the default'}.")

    def _tell(self, subtype: str, message: str) -> None:
        data = SystemData(subtype=subtype, message=message)
        self._parts.publish(SystemEvent(timestamp=now(), data=data))

    def _tell_of_refusal(self, change: SetMode | SetModel, error: ClaudeGoneError) -> None:
        what = "permission mode" if isinstance(change, SetMode) else "model"
        data = ErrorData(code="CHANGE_REFUSED", message=f"The {what} was not changed: {error}")
        self._parts.publish(ErrorEvent(timestamp=now(), data=data))

    def _refuse(self, received: Received) -> None:
        data = ErrorData(code="INPUT_INVALID", message="An input was not valid and is left out.")
        self._parts.publish(ErrorEvent(timestamp=now(), data=data))
        self._parts.settlements.bury(received.entry_id, received.raw or b"", "INPUT_INVALID")

    def _is_open(self, turn_id: str) -> bool:
        current = self._parts.turns.current
        return (current is not None and current.id == turn_id) or self._parts.queue.holds(turn_id)
