"""The API server and the way to it at their worst: stale, unobserved and failing by turns.

While a fault lasts, sessions are moved in every way; when it is over all are where they should be.
"""

from collections.abc import Callable

import pytest

from moorage_testing.controlplane.processes import until
from moorage_testing.operating.faults import (
    WRITES,
    Answer,
    Cut,
    Dropped,
    Fault,
    GoneEvent,
    Hidden,
    Late,
    Stale,
    Which,
)
from moorage_testing.operating.process import Operator
from moorage_testing.operating.stage import Stage

from .moves import SEED, Moves

GETS = frozenset({"GET"})
ALL = GETS | WRITES


def every(count: int) -> Which:
    return Which(every=count)


def some(chance: float, methods: frozenset[str] = WRITES) -> Which:
    return Which(methods=methods, chance=chance, seed=SEED)


_OFTEN = 4
_TRIES = 8

LASTING: dict[str, Callable[[], Fault]] = {
    # By chance: a pass of two writes that meets the same answers each time would never get on.
    "409 to a quarter of the writes": lambda: Answer(some(0.25), 409),
    "429 to every fourth write": lambda: Answer(every(4), 429, retry_after=1),
    "500 to some of everything": lambda: Answer(some(0.15, ALL), 500),
    "503 to some of everything": lambda: Answer(some(0.15, ALL), 503, retry_after=1),
    "done, and no answer": lambda: Dropped(every(3)),
    "not done, and no answer": lambda: Dropped(every(4), done=False),
    "half an answer": lambda: Cut(some(0.15, ALL)),
    "late answers": lambda: Late(some(0.5, ALL), 0.3),
}
"""What the operator has to get along with: nothing heals before all is as it should be."""


@pytest.mark.parametrize("make", LASTING.values(), ids=LASTING.keys())
def test_what_lasts(make: Callable[[], Fault], chaos: Stage, moves: Moves) -> None:
    fault = make()
    chaos.proxy.add(fault)
    moves.everything()
    moves.settled()
    for _ in range(_TRIES):
        if fault.which.hits >= _OFTEN:
            return
        moves.stir(2)  # chance was kind so far
        moves.create(1)
        moves.settled()
    pytest.fail(f"the fault was met {fault.which.hits} times only")


@pytest.mark.parametrize("status", [409, 403, 429, 500])
def test_no_write_at_all_for_a_while(status: int, chaos: Stage, moves: Moves) -> None:
    """While none gets through, 40 are tried; then all goes on."""
    which = Which(times=40)
    moves.create(4)
    chaos.proxy.add(Answer(which, status, retry_after=1))
    moves.create(4)
    moves.stir(4)
    until("some writes refused", 40, lambda: None if which.hits >= 8 else f"{which.hits}")
    failed = chaos.operators[0].metric("moorage_operator_reconcile_errors_total")
    assert failed > 0 or status == 403, "a refusal is told, not counted as an error"
    chaos.proxy.heal()
    moves.settled()


def test_watches_that_are_cut_all_the_time(chaos: Stage, moves: Moves) -> None:
    moves.create(6)
    for _ in range(6):
        until("a watch", 40, lambda: None if chaos.proxy.cut_watches() else "there is none")
        moves.stir(2)
        moves.create(1)
    moves.settled()


def test_watches_that_are_too_old(chaos: Stage, moves: Moves) -> None:
    """As an API server tells of it: by an event in the stream."""
    which = Which(watch=True, times=6)
    moves.create(6)
    chaos.proxy.add(GoneEvent(which))
    until("a watch", 40, lambda: None if chaos.proxy.cut_watches() else "there is none")
    moves.stir(4)
    moves.create(2)
    moves.settled()
    assert which.hits == 6


def test_a_watch_that_is_refused_as_too_old(chaos: Stage, moves: Moves) -> None:
    """By a status, as something between may do: kopf gives up then, and a kubelet starts anew."""
    which = Which(watch=True, times=1)
    moves.create(4)
    moves.settled()
    chaos.proxy.add(Answer(which, 410))
    process = chaos.operators[0].process
    until("a watch", 40, lambda: None if chaos.proxy.cut_watches() else "there is none")
    until("its end", 40, lambda: "it still runs" if process.running else None)
    moves.stir(2)
    moves.create(2)
    moves.settled()
    assert which.hits == 1
    assert moves.restarts == 1
    moves.restarts = 0


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED"])
@pytest.mark.parametrize("plural", ["/pods", "/claudesessions"])
def test_events_that_never_come(kind: str, plural: str, chaos: Stage, moves: Moves) -> None:
    """What no watch tells of, the next listing does."""
    moves.create(4)
    moves.settled()
    chaos.proxy.hide(Hidden(kind, plural))
    moves.stir(4)
    moves.create(2)
    moves.settled()


def test_an_old_view_after_a_restart(chaos: Stage, moves: Moves) -> None:
    """A server that lags answers every list and read of the new process: with what is no more."""
    moves.create(8)
    moves.settled()
    (operator,) = chaos.operators
    operator.kill()
    chaos.proxy.remember()
    operator.start()
    moves.settled()
    operator.kill()
    moves.stir(6)
    moves.create(2)
    which = Which(methods=GETS)
    chaos.proxy.add(Stale(which))
    operator.start()
    until("old answers given", 40, lambda: None if which.hits >= 6 else f"{which.hits}")
    chaos.proxy.heal()
    moves.settled()


def test_a_restart_writes_nothing(chaos: Stage, moves: Moves) -> None:
    moves.create(10)
    moves.settled()
    (operator,) = chaos.operators
    _restart(operator, 10)  # what the one before may have left to do is done then
    before = len(chaos.proxy.writes)
    _restart(operator, 10)
    assert chaos.proxy.writes[before:] == []


def _restart(operator: Operator, sessions: int) -> None:
    """Start it anew, and wait until it has looked at all sessions and has none left to look at."""
    operator.kill()
    operator.start()

    def left() -> str | None:
        seen = operator.metric("moorage_operator_reconcile_seconds_count")
        queued = operator.metric("moorage_operator_queue_length")
        return f"{seen} passes, {queued} due" if seen < sessions or queued else None

    until("each was looked at", 40, left)
