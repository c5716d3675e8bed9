"""Which benches of the gateway there are, on how much and how often."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from performance.figures import Measured
from performance.gateway import asking, following, recording, resting
from performance.gateway.stage import running
from performance.rounds import repeated

_SESSIONS = 40


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    most_rounds: int
    length: asking.Length
    recorded_seconds: float
    starts: int
    deaf_clients: int


FULL = Effort(1, 2, asking.Length(2, 8), 15, 5, 20)
QUICK = Effort(1, 1, asking.Length(1, 2), 4, 1, 5)


def _requests(effort: Effort) -> Iterator[Measured]:
    with running() as stage, stage.serving(_SESSIONS) as serving:
        recording.fill_histories(serving)
        for kind in asking.KINDS:
            once = partial(asking.requests, serving, kind, effort.length)
            yield repeated(once, serving.settle, effort.rounds, effort.most_rounds)


def _recorder(effort: Effort) -> Iterator[Measured]:
    with running() as stage, stage.serving(_SESSIONS) as serving:
        serving.settle()
        yield recording.lag(serving, effort.recorded_seconds)


def _streams(effort: Effort) -> Iterator[Measured]:
    with running() as stage, stage.serving(2) as serving:
        yield following.away(serving)
        yield following.deaf(serving, effort.deaf_clients)


def _process(effort: Effort) -> Iterator[Measured]:
    with running() as stage:
        yield resting.starts(stage, effort.starts)


BENCHES: dict[str, Callable[[Effort], Iterator[Measured]]] = {
    "requests": _requests,
    "recorder": _recorder,
    "streams": _streams,
    "process": _process,
}
