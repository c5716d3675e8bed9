"""Which benches of the operator there are, on how much and how often. Each has its own processes.

Where several figures share them, sessions of the earlier ones are still there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from performance.figures import Measured
from performance.operator import creating, resting
from performance.operator.stage import Stage, running
from performance.rounds import repeated


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    most_rounds: int
    long_rounds: int
    """At most, of those that take a minute."""
    one: int
    at_once: int
    twenty_seconds: float
    forty_seconds: float
    flood: int
    many: resting.Length


FULL = Effort(3, 6, 2, 200, 100, 60, 30, 2000, resting.Length(10_000, 60))
QUICK = Effort(1, 1, 1, 50, 100, 10, 5, 300, resting.Length(500, 10))


def _one(effort: Effort) -> Iterator[Measured]:
    with running() as stage:
        _warm_up(stage)
        for measure in (
            partial(creating.one_at_a_time, stage, effort.one),
            partial(creating.at_once, stage, effort.at_once),
        ):
            yield repeated(measure, stage.settle, effort.rounds, effort.most_rounds)
    with running("persistent") as stage:
        _warm_up(stage)
        once = partial(creating.with_claim, stage, effort.one)
        yield repeated(once, stage.settle, 1, effort.long_rounds)


def _steady(effort: Effort) -> Iterator[Measured]:
    for measure, seconds in (
        (creating.twenty_a_second, effort.twenty_seconds),
        (creating.forty_a_second, effort.forty_seconds),
    ):
        with running() as stage:
            _warm_up(stage)
            once = partial(measure, stage, seconds)
            yield repeated(once, stage.settle, 1, effort.long_rounds)


def _flood(effort: Effort) -> Iterator[Measured]:
    with running() as stage:
        _warm_up(stage)
        once = partial(creating.flood, stage, effort.flood)
        yield repeated(once, stage.settle, 1, effort.long_rounds)


def _many(effort: Effort) -> Iterator[Measured]:
    with running() as stage:
        yield resting.prepare(stage, effort.many)
        for measure in (resting.idle, resting.restart):
            stage.settle()
            yield measure(stage, effort.many)


BENCHES: dict[str, Callable[[Effort], Iterator[Measured]]] = {
    "one": _one,
    "steady": _steady,
    "flood": _flood,
    "many": _many,
}


def _warm_up(stage: Stage) -> None:
    """Create a few that do not count: what is loaded and connected once is not measured."""
    stage.create(_WARM_UP, workers=2, until_ready=True)


_WARM_UP = 20
