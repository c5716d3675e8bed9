"""Which benches of the cluster there are, and on how much."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from performance.cluster import starting, weighing
from performance.figures import Measured


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    sessions: int
    at_rest: int


FULL = Effort(sessions=40, at_rest=20)
QUICK = Effort(sessions=5, at_rest=3)

BENCHES: dict[str, Callable[[Effort], Iterator[Measured]]] = {
    "start": lambda effort: iter(
        [starting.measure(effort.sessions, kind) for kind in starting.WORKSPACES]
    ),
    "memory": lambda effort: iter([weighing.measure(effort.at_rest)]),
}
