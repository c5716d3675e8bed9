"""The ordered chain of checks that decides where a session stands and what it needs.

The first check with an answer counts. What ends a session goes before what keeps it running, and
what a person asked for before what failed by itself.
"""

from collections.abc import Callable
from typing import Final

from moorage_operator.checks import endings, pods, starting, suspension
from moorage_operator.decision import Case, Decision

Check = Callable[[Case], Decision | None]

CHECKS: Final[tuple[Check, ...]] = (
    endings.finished,
    endings.flooded,
    endings.lifetime,
    endings.broken,
    endings.completed,
    suspension.suspended,
    pods.counted,
    pods.leaving,
    pods.failed,
    pods.vanished,
    pods.silent,
    starting.timed_out,
    suspension.idle,
    pods.well,
    starting.unresolved,
    starting.in_line,
    starting.not_yet,
    starting.without_redis,
    starting.refused,
)
"""Whoever passes all of these is started (``starting.start``)."""


def decide(case: Case) -> Decision:
    """Return the answer of the first check that has one."""
    for check in CHECKS:
        decision = check(case)
        if decision is not None:
            return decision
    return starting.start(case)
