"""Asks for permission and waits for the answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moorage_api.base import now
from moorage_api.events import (
    Event,
    Outcome,
    PermissionRequest,
    PermissionRequestedEvent,
    PermissionResolvedData,
    PermissionResolvedEvent,
)
from moorage_api.inbox import PermissionDecision
from moorage_runner.permissions.approval_ids import approval_id, request_hash, turn_of
from moorage_runner.permissions.rules import Grant, grant_of, is_allowed, updates_for
from moorage_runner.permissions.wording import diff, file_of, relative, summary
from moorage_runner.translate.limits import MAX_INPUT_BYTES, shorten_input

if TYPE_CHECKING:
    from claude_agent_sdk import (
        PermissionResultAllow,
        PermissionResultDeny,
        ToolPermissionContext,
    )

Json = dict[str, Any]

_MAX_FILE = 1024 * 1024
_MAX_PENDING = 100  # as the state allows


@dataclass(frozen=True, slots=True)
class KnownApprovals:
    """What a runner before this one asked, and what came of it."""

    pending: dict[str, PermissionRequest] = field(default_factory=dict)
    resolved: frozenset[str] = frozenset()
    grants: frozenset[Grant] = frozenset()


@dataclass(slots=True)
class _Turn:
    id: str = ""
    allowed: list[str] = field(default_factory=list)


class Permissions:
    """The requests of the running turn. `ask` is the SDK's can_use_tool."""

    def __init__(
        self,
        repo: Path,
        expiry: timedelta,
        publish: Callable[[Event], None],
        settle: Callable[[str], None],
        on_change: Callable[[list[PermissionRequest]], None],
    ) -> None:
        self._repo = repo
        self._expiry = expiry
        self._publish = publish
        self._settle = settle
        self._on_change = on_change
        self._turn = _Turn()
        self._pending: dict[str, PermissionRequest] = {}
        self._resolved: set[str] = set()
        self._grants: set[Grant] = set()
        self._waiting: dict[str, asyncio.Future[PermissionDecision]] = {}
        self._decisions: dict[str, tuple[str, PermissionDecision]] = {}

    def recall(self, known: KnownApprovals) -> None:
        """Take over from the runner before."""
        self._pending.update(known.pending)
        self._resolved |= known.resolved
        self._grants |= known.grants
        self._on_change(list(self._pending.values()))

    def begin(self, turn_id: str, allowed: list[str] | None) -> None:
        """Begin a turn; its own rules allow without asking."""
        self._turn = _Turn(turn_id, allowed or [])

    def finish(self) -> None:
        """End the turn: what still waits is cancelled, decisions that came too late are settled."""
        for request in list(self._pending.values()):
            self._resolve(request, "cancelled", None, "once")
        for approval, (entry_id, _) in list(self._decisions.items()):
            if turn_of(approval) == self._turn.id:
                del self._decisions[approval]
                self._settle(entry_id)

    def decide(self, entry_id: str, decision: PermissionDecision, *, turn_is_open: bool) -> None:
        """Take a decision: for what is asked, for what will be asked again, or for nothing."""
        approval = decision.approval_id
        waiting = self._waiting.get(approval)
        if waiting and not waiting.done():
            waiting.set_result(decision)
            self._decisions[approval] = (entry_id, decision)
        elif approval in self._resolved or approval in self._decisions or not turn_is_open:
            self._settle(entry_id)
        else:
            self._decisions[approval] = (entry_id, decision)

    async def ask(
        self, tool: str, value: Json, context: "ToolPermissionContext"
    ) -> "PermissionResultAllow | PermissionResultDeny":
        """Return whether a tool may be used, once somebody decided."""
        from claude_agent_sdk import PermissionResultAllow  # noqa: PLC0415 - claude.sdk

        grant = grant_of(tool, value)
        if grant in self._grants or is_allowed(tool, value, self._turn.allowed):
            return PermissionResultAllow()
        request = await self._request(tool, value, context)
        try:
            decision = await self._decision(request)
        except TimeoutError:
            return self._expired(request)
        finally:
            self._waiting.pop(request.approval_id, None)
        return self._decided(request, decision, grant)

    async def _request(
        self, tool: str, value: Json, context: "ToolPermissionContext"
    ) -> PermissionRequest:
        """Return the request, the one from before a restart if it is the same."""
        approval = self._next_id(request_hash(tool, value))
        # Before any wait: the same question asked at once beside this one is another request.
        self._waiting[approval] = asyncio.get_running_loop().create_future()
        known = self._pending.get(approval)
        if known is None:
            known = await asyncio.to_thread(self._describe, approval, tool, value, context)
            self._pending[approval] = known
            self._publish(PermissionRequestedEvent(timestamp=known.requested_at, data=known))
        self._on_change(list(self._pending.values())[:_MAX_PENDING])
        return known

    def _next_id(self, digest: str) -> str:
        count = 1
        while (name := approval_id(self._turn.id, digest, count)) in self._resolved | set(
            self._waiting
        ):
            count += 1
        return name

    def _describe(
        self, approval: str, tool: str, value: Json, context: "ToolPermissionContext"
    ) -> PermissionRequest:
        shown, input_cut = shorten_input(value, MAX_INPUT_BYTES)
        path = file_of(tool, value)
        name = relative(path, str(self._repo)) if path else ""
        text, diff_cut = (
            diff(tool, value, _read(path, self._repo.parent), name) if path else (None, False)
        )
        at = now()
        return PermissionRequest(
            approval_id=approval,
            turn_id=self._turn.id,
            tool_use_id=context.tool_use_id,
            tool=tool,
            input=shown,
            summary=summary(tool, value, str(self._repo)),
            diff=text,
            truncated=input_cut or diff_cut,
            requested_at=at,
            expires_at=at + self._expiry,
        )

    async def _decision(self, request: PermissionRequest) -> PermissionDecision:
        early = self._decisions.get(request.approval_id)
        if early:
            return early[1]
        answer = self._waiting[request.approval_id]
        # The deadline is a moment of the clock that people read; the loop's own runs apart from it.
        while (left := (request.expires_at - now()).total_seconds()) > 0:
            await asyncio.wait({answer}, timeout=left)
            if answer.done():
                return answer.result()
        raise TimeoutError

    def _decided(
        self, request: PermissionRequest, decision: PermissionDecision, grant: Grant
    ) -> "PermissionResultAllow | PermissionResultDeny":
        from claude_agent_sdk import (  # noqa: PLC0415 - claude.sdk
            PermissionResultAllow,
            PermissionResultDeny,
        )

        self._resolve(request, decision.decision, decision.message, decision.scope)
        if decision.decision == "deny":
            return PermissionResultDeny(message=decision.message or "The user said no.")
        updates = None
        if decision.scope == "session":
            self._grants.add(grant)
            updates = updates_for(grant)
        return PermissionResultAllow(
            updated_input=decision.updated_input, updated_permissions=updates
        )

    def _expired(self, request: PermissionRequest) -> "PermissionResultDeny":
        from claude_agent_sdk import PermissionResultDeny  # noqa: PLC0415 - claude.sdk

        message = f"Nobody decided until {request.expires_at:%Y-%m-%d %H:%M} UTC."
        self._resolve(request, "expired", message, "once")
        return PermissionResultDeny(message=message)

    def _resolve(
        self, request: PermissionRequest, outcome: Outcome, message: str | None, scope: str
    ) -> None:
        self._pending.pop(request.approval_id, None)
        self._resolved.add(request.approval_id)
        data = PermissionResolvedData.model_validate(
            {
                "approval_id": request.approval_id,
                "outcome": outcome,
                "message": message,
                "scope": scope,
            }
        )
        self._publish(PermissionResolvedEvent(timestamp=now(), data=data))
        self._on_change(list(self._pending.values())[:_MAX_PENDING])
        held = self._decisions.pop(request.approval_id, None)
        if held:
            self._settle(held[0])


def _read(path: str | None, root: Path) -> str | None:
    """Return a text file of the workspace; None if it is none.

    Nothing outside is read: the runner sees files that Claude's side must never be shown.
    """
    if path is None:
        return None
    try:
        file = Path(path).resolve()
        if not file.is_relative_to(root.resolve()) or not file.is_file():
            return None
        return file.read_text() if file.stat().st_size <= _MAX_FILE else None
    except (OSError, UnicodeDecodeError, RuntimeError):
        return None
