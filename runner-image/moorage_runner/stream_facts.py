"""What the stream of events says of turns that an earlier runner worked on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from moorage_api.events import (
    FIELD,
    Event,
    EventRefused,
    MessageStartEvent,
    MessageStopEvent,
    PermissionRequest,
    PermissionRequestedEvent,
    PermissionResolvedEvent,
    ToolResultEvent,
    UsageEvent,
    decode_entry,
)
from moorage_api.keys import EVENTS_MAXLEN, SessionKeys
from moorage_api.resources import Usage
from moorage_runner.permissions import KnownApprovals
from moorage_runner.permissions.rules import grant_of_request

_PAGE = 500
_HEAD = 160  # the type stands within the first bytes of an entry
_DELTAS = (b'"message:delta"', b'"thinking:delta"')


@dataclass(slots=True)
class TurnFacts:
    """What of a turn is in the stream."""

    shown: bool = False
    """The user's message is there."""
    ended: bool = False
    last_number: int = 0
    """The highest number of a message that is complete."""
    main_messages: int = 0
    """How many messages of the main conversation are complete."""
    results: set[str] = field(default_factory=set)


@dataclass(slots=True)
class StreamFacts:
    """What is in the stream."""

    last_id: str | None = None
    total: Usage | None = None
    last_turn_id: str | None = None
    turns: dict[str, TurnFacts] = field(default_factory=dict)
    approvals: KnownApprovals = field(default_factory=KnownApprovals)

    def turn(self, turn_id: str) -> TurnFacts:
        """Return what is known of a turn."""
        return self.turns.get(turn_id) or TurnFacts()


async def gather(redis: Redis, keys: SessionKeys) -> StreamFacts:
    """Read the stream, newest first, deltas left aside.

    Raises:
        RedisError, OSError: Redis is away.
    """
    events: list[Event] = []
    last_id: str | None = None
    end, left = "+", EVENTS_MAXLEN
    while left > 0:
        page: Any = await redis.xrevrange(keys.events, max=end, count=_PAGE)
        for entry_id, fields in page:
            name = entry_id.decode()
            last_id = last_id or name
            event = _decoded(name, fields.get(FIELD))
            if event:
                events.append(event)
        if len(page) < _PAGE:
            break
        left -= _PAGE
        end = f"({page[-1][0].decode()}"
    facts = summarise(reversed(events))
    facts.last_id = last_id
    return facts


def _decoded(entry_id: str, raw: bytes | None) -> Event | None:
    if raw is None or any(kind in raw[:_HEAD] for kind in _DELTAS):
        return None
    try:
        return decode_entry("", entry_id, raw)
    except EventRefused:
        return None


def summarise(events: Iterable[Event]) -> StreamFacts:
    """Return what events, oldest first, say. Pure."""
    facts = StreamFacts()
    requests: dict[str, PermissionRequest] = {}
    resolved: dict[str, str] = {}
    for event in events:
        match event:
            case MessageStartEvent() if event.data.role == "user":
                _turn(facts, event.data.turn_id).shown = True
            case MessageStopEvent() if event.data.role == "assistant":
                _message(_turn(facts, event.data.turn_id), event)
            case ToolResultEvent():
                _turn(facts, event.data.turn_id).results.add(event.data.tool_use_id)
            case UsageEvent():
                _turn(facts, event.data.turn_id).ended = True
                facts.total = event.data.total
                facts.last_turn_id = event.data.turn_id
            case PermissionRequestedEvent():
                requests[event.data.approval_id] = event.data
            case PermissionResolvedEvent():
                resolved[event.data.approval_id] = (
                    event.data.scope if event.data.outcome == "allow" else "once"
                )
            case _:
                pass
    facts.approvals = _approvals(facts, requests, resolved)
    return facts


def _turn(facts: StreamFacts, turn_id: str) -> TurnFacts:
    return facts.turns.setdefault(turn_id, TurnFacts())


def _message(turn: TurnFacts, event: MessageStopEvent) -> None:
    number = event.data.message_id.rpartition("-")[2]
    if number.isdecimal():
        turn.last_number = max(turn.last_number, int(number))
    if event.data.parent_tool_use_id is None:
        turn.main_messages += 1


def _approvals(
    facts: StreamFacts, requests: dict[str, PermissionRequest], resolved: dict[str, str]
) -> KnownApprovals:
    pending = {
        name: request
        for name, request in requests.items()
        if name not in resolved and not _turn(facts, request.turn_id).ended
    }
    grants = {
        grant
        for name, scope in resolved.items()
        if scope == "session" and name in requests and (grant := grant_of_request(requests[name]))
    }
    return KnownApprovals(pending, frozenset(resolved), frozenset(grants))
