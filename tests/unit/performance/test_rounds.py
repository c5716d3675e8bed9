"""Which rounds of a bench count."""

import itertools
from collections.abc import Iterator

from performance.figures import Figure, Measured
from performance.rounds import repeated


def measured(value: float, others: float) -> Measured:
    return Measured([Figure("bench", "time", value, "ms")], {"cores": {"others": others}})


def settle() -> None:
    """There is nobody else."""


def test_a_round_in_which_others_worked_is_measured_again() -> None:
    runs: Iterator[Measured] = iter([measured(9, 0.5), measured(1, 0.1)])
    result = repeated(lambda: next(runs), settle, 1, 3)
    assert [figure.value for figure in result.figures] == [1, 1]
    assert result.figures[1].name == "rounds with a quiet machine, of 2"


def test_not_for_ever_and_the_median_is_told_where_no_round_was_quiet() -> None:
    runs = (measured(value, 1.0) for value in itertools.count())
    result = repeated(lambda: next(runs), settle, 1, 3)
    assert [figure.value for figure in result.figures] == [1, 0]


def test_the_median_of_the_quiet_ones_is_told_and_all_are_kept() -> None:
    runs = iter([measured(5, 0), measured(100, 2), measured(3, 0), measured(4, 0)])
    result = repeated(lambda: next(runs), settle, 3, 9)
    assert result.figures[0].value == 4
    assert len(result.details["runs"]) == 4
