"""How a neighbour's lateness is judged: against honest work, with room for chance, not for more."""

import multiprocessing
import threading
import time

import pytest

from isolation.latency import ENOUGH, FLOOR_MS, Lateness, Neighbour, p99


def events(late: float, tail: float = 0) -> list[float]:
    """Enough events, of which a part in a hundred and a bit more has this tail."""
    return [late] * (ENOUGH - 10) + [late + tail] * 10


def judged(before: list[float], attacked: list[float], after: list[float]) -> list[str]:
    return Lateness(before, attacked, after).deviations


def test_p99_is_what_one_in_a_hundred_exceeds() -> None:
    assert p99([float(each) for each in range(1000)]) == 990
    assert p99([]) == 0


@pytest.mark.parametrize(
    ("undisturbed", "attacked"), [(5.0, 5.0 + FLOOR_MS), (20.0, 69.0), (100.0, 200.0)]
)
def test_twice_as_late_or_a_little_later_is_fair(undisturbed: float, attacked: float) -> None:
    assert judged(events(undisturbed), events(attacked), events(undisturbed)) == []


@pytest.mark.parametrize(("undisturbed", "attacked"), [(5.0, 60.0), (20.0, 90.0), (100.0, 210.0)])
def test_more_is_a_deviation(undisturbed: float, attacked: float) -> None:
    (told,) = judged(events(undisturbed), events(attacked), events(undisturbed))
    assert told.startswith(f"p99 {attacked:.1f} ms, at most ")


def test_so_is_a_tail_of_more_than_one_in_a_hundred() -> None:
    assert judged(events(5), events(5, tail=500), events(5)) != []


def test_other_load_before_or_after_counts_as_undisturbed() -> None:
    assert judged(events(10), events(190), events(100)) == []
    assert judged(events(100), events(190), events(10)) == []


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_stream_that_ended_is_no_proof(missing: int) -> None:
    phases = [events(5)] * 3
    phases[missing] = [5.0] * (ENOUGH - 1)
    (told,) = judged(*phases)
    assert told.startswith("too few events")


def test_an_event_belongs_to_the_phase_in_which_it_was_sent() -> None:
    neighbour = Neighbour()
    ours, theirs = multiprocessing.Pipe(duplex=False)
    thread = threading.Thread(target=neighbour.take, args=(ours,))
    thread.start()
    for phase, late in (("before", 1.0), ("attacked", 2.0), ("after", 3.0)):
        with neighbour.during(phase):
            theirs.send((time.time() * 1000, late))
    theirs.close()
    thread.join()
    assert neighbour.lateness() == Lateness([1.0], [2.0], [3.0])
