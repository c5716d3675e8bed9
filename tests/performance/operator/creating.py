"""Measures how soon sessions are Ready: from sending the request to a watching client's event.

A session's runner is played: it writes Ready to Redis as soon as KWOK runs its pod, so what is
measured is the operator between an API server and a Redis, without images and clones.
"""

from functools import partial
from typing import Any, Final

from performance.figures import Figure, Measured, Target, at_least, at_most
from performance.generator import Json
from performance.operator.stage import Stage

_WORKERS: Final = 32
_SLOWEST_RATE: Final = 5.0
"""Sessions a second that are waited for at least; beyond that the rest counts as not Ready."""

_WAIT: Final = 30.0
_STEPS: Final = {
    "answered": "request answered",
    "pod": "request to pod created",
    "running": "to pod Running (KWOK)",
    "written": "to state in Redis (the played runner)",
    "ready": "to Ready",
}


def one_at_a_time(stage: Stage, count: int) -> Measured:
    """Create one session after the other, each when the one before is Ready."""
    run = _Run(stage, f"one at a time: {count} sessions", count, workers=1, until_ready=True)
    return run.measured(
        run.quantile("p50", at_most(35), "Go 38, probe 25 to 36"),
        run.quantile("p99", at_most(100), "Go 71, probe 66 to 146"),
        *run.steps(),
    )


def with_claim(stage: Stage, count: int) -> Measured:
    """Create sessions as ``one_at_a_time``, with a workspace that outlives its pod."""
    bench = f"one at a time, with a persistent workspace: {count} sessions"
    run = _Run(stage, bench, count, workers=1, until_ready=True)
    return run.measured(
        run.quantile("p50"),
        run.quantile("p99"),
        run.figure("writes a session", run.writes.total / count, ""),
    )


def at_once(stage: Stage, count: int) -> Measured:
    """Create sessions all at the same time."""
    run = _Run(stage, f"{count} at once", count, workers=count)
    return run.measured(
        run.figure("Ready a second", _rate(run.said), "1/s", at_least(70), "Go 31, probe 87"),
        run.quantile("p99"),
    )


def twenty_a_second(stage: Stage, seconds: float) -> Measured:
    """Create 20 sessions a second, whatever becomes of them."""
    run = _Run(stage, f"20 a second for {seconds:g} s", round(20 * seconds), rate=20)
    return run.measured(
        run.quantile("p50", at_most(50), "Go 1,818 (warm claims), probe 32"),
        run.quantile("p99", at_most(200), "Go 4,776 (warm claims), probe 97"),
        *run.load(),
    )


def forty_a_second(stage: Stage, seconds: float) -> Measured:
    """Create 40 sessions a second, whatever becomes of them."""
    run = _Run(stage, f"40 a second for {seconds:g} s", round(40 * seconds), rate=40)
    return run.measured(
        run.quantile("p99", at_most(500), "Go not reached, probe 233"),
        run.quantile("p50", None, "probe 55"),
        *run.load(),
    )


def flood(stage: Stage, count: int) -> Measured:
    """Create sessions as fast as the API server takes them."""
    run = _Run(stage, f"{count:,} as fast as they are taken", count, workers=_WORKERS)
    writes = run.writes.total / count
    return run.measured(
        run.figure("operator's CPU a session", run.cpu_ms, "ms", at_most(12), "Go 9, probe 10"),
        run.figure("writes a session", writes, "", at_most(4), "Go 4.3, probe 2"),
        run.figure("writes a session, the operator's count", run.counted / count, ""),
        run.figure("taken in", run.said["creatingSeconds"], "s"),
        run.figure("Ready a second", _rate(run.said), "1/s"),
        *run.load(),
    )


class _Run:
    """One creation, with what everybody used and the operator wrote meanwhile."""

    def __init__(self, stage: Stage, bench: str, count: int, **how: Any) -> None:
        self.figure = partial(Figure, bench)
        self._count = count
        mark, counted = stage.audit.mark(), stage.operator.counted_writes()
        before, watch = stage.operator.use(), stage.stopwatch()
        self.said: Json = stage.create(count, limit=_WAIT + count / _SLOWEST_RATE, **how)
        self.cores = watch.read()
        self.use = stage.operator.use()
        self.cpu_ms = round((self.use.cpu - before.cpu) * 1000 / count, 2)
        self.writes = stage.audit.since(mark)
        self.counted = stage.operator.counted_writes() - counted

    def quantile(self, share: str, target: Target | None = None, others: str = "") -> Figure:
        """Return a quantile of the times to Ready."""
        took = _ms(self.said, "all", share)
        return self.figure(f"create to Ready, {share}", took, "ms", target, others)

    def steps(self) -> list[Figure]:
        """Return where the time went: the median of each step."""
        return [
            self.figure(f"{name}, p50", _ms(self.said, step, "p50"), "ms")
            for step, name in _STEPS.items()
        ]

    def load(self) -> list[Figure]:
        """Return what the load took."""
        return [
            self.figure("operator", self.cores["operator"], "cores"),
            self.figure("API server", self.cores["apiserver"], "cores"),
            self.figure("operator's memory", self.use.rss, "MiB"),
        ]

    def measured(self, *figures: Figure) -> Measured:
        """Return the figures, and beside them what may spoil them."""
        missing = self._count - self.said["ready"]
        more = [
            self.figure("not Ready in time", missing, "", at_most(0)),
            self.figure("other work on the machine", self.cores["others"], "cores"),
        ]
        details = self.said | {
            "cores": self.cores,
            "writes": self.writes.as_json(),
            "countedWrites": self.counted,
            "cpuMsPerSession": self.cpu_ms,
            "rssMiB": self.use.rss,
        }
        return Measured([*figures, *more], details)


def _rate(said: Json) -> float:
    return round(float(said["perSecond"]), 1)


def _ms(said: Json, step: str, share: str) -> float:
    """Return a quantile in milliseconds; infinity where nothing got Ready."""
    return round(float(said["stagesMs"][step][share]), 1) if said["ready"] else float("inf")
