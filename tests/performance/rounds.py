"""Measures again where others used the machine meanwhile, and tells which rounds count."""

from collections.abc import Callable

from performance.figures import Figure, Measured, median_run
from performance.procfs import QUIET_CORES


def repeated(
    measure: Callable[[], Measured], settle: Callable[[], object], rounds: int, most_rounds: int
) -> Measured:
    """Measure until so many rounds were quiet: nobody else used the machine much.

    Before each, ``settle`` waits for a quiet machine. The median of the quiet rounds is reported,
    that of all where there was none. All are in the file, and how many were quiet is a figure of
    its own.
    """
    runs: list[Measured] = []
    while len(runs) < most_rounds and len(_quiet(runs)) < rounds:
        settle()
        runs.append(measure())
    quiet = _quiet(runs)
    reported = median_run(quiet or runs)
    bench = reported.figures[0].bench
    count = Figure(bench, f"rounds with a quiet machine, of {len(runs)}", len(quiet), "")
    return Measured([*reported.figures, count], {"runs": [run.details for run in runs]})


def _quiet(runs: list[Measured]) -> list[Measured]:
    """Return those during which others used no more than QUIET_CORES."""
    return [run for run in runs if run.details["cores"]["others"] <= QUIET_CORES]
