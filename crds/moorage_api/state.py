"""A session's live state: what the runner says of itself in the state hash."""

from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError

from moorage_api.base import Timestamp, WireModel
from moorage_api.events import PermissionRequest, TurnOutcome
from moorage_api.resources.session import Activity, Phase, Usage

HEARTBEAT_SECONDS: Final = 5
STALE_SECONDS: Final = 20
"""A heartbeat older than this: the runner is gone or hangs."""

MAX_STATE_BYTES: Final = 2 * 1024 * 1024
"""The largest state. Most are some hundred bytes; what waits for a decision can make it large."""

FIELD: Final = b"state"
HEARTBEAT_FIELD: Final = b"heartbeat"


class SessionState(WireModel):
    """What a runner says of itself. A claim, not a fact: readers parse it as untrusted input."""

    phase: Phase
    activity: Activity | None = None
    claude_session_id: str | None = None
    usage: Usage = Usage()
    pending_approvals: Annotated[list[PermissionRequest], Field(max_length=100)] = []
    turn_id: str | None = None
    queued: Annotated[int, Field(ge=0)] = 0
    last_input_id: str | None = None
    last_turn_id: str | None = None
    last_turn_outcome: TurnOutcome | None = None
    last_activity_at: Timestamp | None = None
    permission_mode: str | None = None
    model: str | None = None
    reason: str | None = None
    message: Annotated[str | None, Field(max_length=4096)] = None
    start_commit: str | None = None


_STATE: Final = TypeAdapter(SessionState)
_LEFT_OUT: Final[tuple[dict[str, Any], ...]] = ({"diff": None}, {"diff": None, "input": {}})


def encode_state(state: SessionState) -> bytes:
    """Return ``state`` as the value of the hash's state field.

    Where it would be too large, requests for permission are in it without diffs, else also without
    inputs, and say that they were cut: the event that asked has both.
    """
    raw = _dumped(state)
    for left_out in _LEFT_OUT:
        if len(raw) <= MAX_STATE_BYTES:
            break
        cut = {**left_out, "truncated": True}
        pending = [each.model_copy(update=cut) for each in state.pending_approvals]
        raw = _dumped(state.model_copy(update={"pending_approvals": pending}))
    return raw


def _dumped(state: SessionState) -> bytes:
    return state.model_dump_json(by_alias=True, exclude_none=True).encode()


def decode_state(fields: dict[bytes, Any]) -> SessionState | None:
    """Return the state in a hash, None where there is none that is valid."""
    raw = fields.get(FIELD)
    if raw is None or len(raw) > MAX_STATE_BYTES:
        return None
    try:
        return _STATE.validate_json(raw)
    except ValidationError:
        return None


def heartbeat_age(fields: dict[bytes, Any], now_seconds: float) -> float | None:
    """Return how many seconds ago the runner last gave a sign of life, None where it never did."""
    try:
        return now_seconds - float(fields[HEARTBEAT_FIELD])
    except (KeyError, ValueError):
        return None
