"""Measures an operator with many sessions that rest: their runners only give signs of life."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from performance.figures import Figure, Measured, at_most
from performance.operator.stage import Stage

_AT_A_TIME: Final = 48
"""How many sessions are on their way at a time while they are made."""

_SLOWEST_RATE: Final = 10.0
_SETTLE_SECONDS: Final = 5.0
_RESTART_LIMIT: Final = 120.0
_MEMORY: Final = at_most(400)


class NotMadeError(RuntimeError):
    """Not all sessions that are to rest got Ready."""


@dataclass(frozen=True, slots=True)
class Length:
    """How much is measured."""

    sessions: int
    seconds: float


def prepare(stage: Stage, length: Length) -> Measured:
    """Make the sessions; the operator makes them, as it would."""
    limit = 60 + length.sessions / _SLOWEST_RATE
    said = stage.create(length.sessions, workers=_AT_A_TIME, until_ready=True, limit=limit)
    if said["ready"] < length.sessions:
        raise NotMadeError(f"{said['ready']} of {length.sessions} were Ready after {limit:.0f} s")
    bench = f"making {length.sessions:,} sessions, {_AT_A_TIME} at a time"
    return Measured([Figure(bench, "Ready a second", round(said["perSecond"], 1), "1/s")], said)


def idle(stage: Stage, length: Length) -> Measured:
    """Let the sessions rest, with a sign of life from each every five seconds."""
    time.sleep(_SETTLE_SECONDS)
    mark, before = stage.audit.mark(), stage.generator.ask({"do": "beats"})
    watch = stage.stopwatch()
    time.sleep(length.seconds)
    cores, writes = watch.read(), stage.audit.since(mark)
    beats, use = stage.generator.ask({"do": "beats"}), stage.operator.use()
    rate = (beats["beats"] - before["beats"]) / length.seconds
    figure = partial(Figure, f"{length.sessions:,} sessions at rest for {length.seconds:g} s")
    return Measured(
        [
            figure("operator", round(cores["operator"] * 100, 1), "% of a core", at_most(5)),
            figure("operator's memory", use.rss, "MiB", _MEMORY, "Go 450"),
            figure("writes", writes.total, "", at_most(0)),
            figure("signs of life", round(rate), "1/s"),
            figure("other work on the machine", cores["others"], "cores"),
        ],
        {"cores": cores, "writes": writes.as_json(), "beats": beats, "rssMiB": use.rss},
    )


def restart(stage: Stage, length: Length) -> Measured:
    """Stop the operator and start it again.

    Reconciled: its metrics say that it leads, knows all sessions, has looked at as many as there
    are, and has none left to look at.
    """
    stage.operator.stop()
    mark = stage.audit.mark()
    stage.operator.start()
    reached = stage.operator.await_loaded(length.sessions, _RESTART_LIMIT)
    use = stage.operator.use()
    time.sleep(_SETTLE_SECONDS)
    writes = stage.audit.since(mark)
    figure = partial(Figure, f"restart with {length.sessions:,} sessions")
    others = "Go 3 with 5,000"
    return Measured(
        [
            figure("all looked at after", reached["reconciled"], "s", at_most(20), others),
            figure("it leads after", reached["leads"], "s"),
            figure("it knows all after", reached["loaded"], "s"),
            figure("writes", writes.total, "", at_most(0)),
            figure("operator's CPU", round(use.cpu, 1), "s"),
            figure("operator's memory", use.rss, "MiB", _MEMORY),
        ],
        {"reached": reached, "writes": writes.as_json(), "rssMiB": use.rss, "cpu": use.cpu},
    )
