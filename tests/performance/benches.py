"""Which benches there are, on what each is run and for how long."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from performance import agent, answers, live
from performance.figures import Measured
from performance.procfs import QUIET_SECONDS, wait_until_quiet
from performance.rounds import repeated
from performance.seeding import seed_suspended
from performance.stage import serving
from performance.toolchain import load_generator

_SESSIONS = 100


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    most_rounds: int
    length: live.Length
    idle_seconds: float
    new_sessions: int
    later_messages: int
    agent_starts: int
    agent_lines: int


FULL = Effort(3, 9, live.Length(3, 10), 16, 10, 30, 100, 5000)
QUICK = Effort(1, 2, live.Length(1, 3), 2, 2, 5, 10, 500)


def _streams(effort: Effort) -> Iterator[Measured]:
    yield _rounds(effort, partial(live.streams, length=effort.length))


def _fanout(effort: Effort) -> Iterator[Measured]:
    for in_flight in (4, 16):
        yield _rounds(effort, partial(live.fanout, length=effort.length, in_flight=in_flight))


def _idle(effort: Effort) -> Iterator[Measured]:
    with _place() as place:
        yield live.idle(place, effort.idle_seconds)


def _messages(effort: Effort) -> Iterator[Measured]:
    yield answers.new_sessions(effort.new_sessions, warm=True)
    yield answers.new_sessions(effort.new_sessions, warm=False)
    yield answers.later_messages(effort.later_messages)


def _agent(effort: Effort) -> Iterator[Measured]:
    yield agent.commands(effort.agent_starts, effort.agent_lines)


BENCHES: dict[str, Callable[[Effort], Iterator[Measured]]] = {
    "streams": _streams,
    "fanout": _fanout,
    "idle": _idle,
    "messages": _messages,
    "agent": _agent,
}


def _rounds(effort: Effort, measure: Callable[[live.Place], Measured]) -> Measured:
    """Measure on one gateway until some rounds were quiet."""
    with _place() as place:
        settle = partial(wait_until_quiet, QUIET_SECONDS)
        return repeated(partial(measure, place), settle, effort.rounds, effort.most_rounds)


@contextmanager
def _place() -> Iterator[live.Place]:
    """Serve sessions that have no runner."""
    generator = load_generator()
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as name:
        folder = Path(name)
        with serving(folder, seed=partial(seed_suspended, count=_SESSIONS)) as stage:
            yield live.Place(
                generator=generator,
                gateway=stage.address,
                gateway_pid=stage.pid,
                redis_socket=stage.redis_socket,
                redis_pid=stage.redis_pid,
                sessions=stage.seeded,
                folder=folder,
            )
