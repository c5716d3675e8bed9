"""A runner's word in Redis: parsed as untrusted input."""

from datetime import UTC, datetime
from typing import Any

import pytest

from moorage_api.live import _sign, _waits
from moorage_api.resources import Activity, Phase
from moorage_api.resources.session import Usage
from moorage_api.state import SessionState, encode_state

STATE = SessionState(phase=Phase.READY, activity=Activity.IDLE)


def test_the_state_and_the_sign_of_life() -> None:
    sign = _sign([encode_state(STATE), b"1769860800.5"], [None] * 5)
    assert sign.state == STATE
    assert sign.heartbeat == datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("beat", [b"", b"soon", b"nan", b"1e400", None])
def test_what_is_no_state_or_time_is_not_there(beat: bytes | None) -> None:
    sign = _sign([b"{", beat], [None] * 5)
    assert sign.state is None
    assert sign.heartbeat is None


def test_an_error_is_no_sign() -> None:
    sign = _sign(ValueError(), ValueError())
    assert (sign.raw, sign.heartbeat, sign.metered) == (None, None, None)


def test_what_was_metered_is_told_also_without_a_state() -> None:
    sign = _sign([None, None], [b"1", b"2", b"3", b"4", b"500000"])
    assert sign.metered == Usage(input_tokens=6, output_tokens=4, cost_usd=0.5)


@pytest.mark.parametrize(
    ("groups", "newest", "waits"),
    [
        ([], [], False),
        ([], [(b"5-0", {})], True),
        ([{"name": b"runner", "pending": 0, "last-delivered-id": b"5-0"}], [(b"5-0", {})], False),
        ([{"name": b"runner", "pending": 0, "last-delivered-id": b"4-9"}], [(b"5-0", {})], True),
        ([{"name": b"runner", "pending": 1, "last-delivered-id": b"5-0"}], [(b"5-0", {})], True),
        ([{"name": b"other", "pending": 0, "last-delivered-id": b"5-0"}], [(b"5-0", {})], True),
    ],
)
def test_inputs_wait_until_the_runner_dealt_with_the_newest(
    groups: Any, newest: Any, waits: bool
) -> None:
    assert _waits(groups, newest) is waits
