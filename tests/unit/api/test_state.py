"""The live state as it is written: never so large that reading it harms anybody."""

from datetime import UTC, datetime
from typing import Any

import pytest

from moorage_api.events import PermissionRequest
from moorage_api.resources import Phase
from moorage_api.state import (
    FIELD,
    MAX_STATE_BYTES,
    SessionState,
    decode_state,
    encode_state,
)

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def waiting(count: int, **fields: Any) -> SessionState:
    values = {
        "turn_id": "t",
        "tool": "Write",
        "input": {"content": "x" * 1000},
        "diff": "+x",
        "summary": "Write a file.",
        "requested_at": NOW,
        "expires_at": NOW,
        **fields,
    }
    pending = [
        PermissionRequest.model_validate({"approval_id": f"a{each}", **values})
        for each in range(count)
    ]
    return SessionState(phase=Phase.READY, pending_approvals=pending)


def test_what_fits_is_whole() -> None:
    state = waiting(3)
    assert decode_state({FIELD: encode_state(state)}) == state


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({"diff": "x" * 128 * 1024}, {"content": "x" * 1000}),
        ({"diff": "x" * 128 * 1024, "input": {"content": "x" * 64 * 1024}}, {}),
    ],
)
def test_what_does_not_fit_says_that_it_was_cut(fields: Any, left: Any) -> None:
    raw = encode_state(waiting(100, **fields))
    assert len(raw) <= MAX_STATE_BYTES
    state = decode_state({FIELD: raw})
    assert state is not None
    assert len(state.pending_approvals) == 100
    assert {each.truncated for each in state.pending_approvals} == {True}
    assert {each.diff for each in state.pending_approvals} == {None}
    assert [each.input for each in state.pending_approvals] == [left] * 100


def test_a_larger_one_is_none() -> None:
    raw = encode_state(waiting(1)) + b" " * MAX_STATE_BYTES
    assert decode_state({FIELD: raw}) is None
