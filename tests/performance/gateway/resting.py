"""Measures the process itself: from its start until it is ready, and its memory at rest."""

import time
from functools import partial
from statistics import median
from typing import Final

from performance.figures import Figure, Measured, at_most
from performance.gateway.stage import Stage
from performance.procfs import QUIET_SECONDS, wait_until_quiet

_REST_SECONDS: Final = 5.0


def starts(stage: Stage, count: int) -> Measured:
    """Start a gateway several times; its tables are there. The first is not counted: it is cold."""
    with stage.gateway():
        pass
    took, rests = list[float](), list[float]()
    busy = 0.0
    for _ in range(count):
        busy = max(busy, wait_until_quiet(QUIET_SECONDS))
        with stage.gateway() as replica:
            took.append(round(replica.started_after, 2))
            time.sleep(_REST_SECONDS)
            rests.append(round(replica.rss_mib(), 1))
    figure = partial(Figure, f"the process, {count} starts")
    figures = [
        figure("start to ready, median", median(took), "s", at_most(1.5)),
        figure("start to ready, longest", max(took), "s"),
        figure("memory at rest", max(rests), "MiB", at_most(120)),
        figure("other work just before, most", busy, "cores"),
    ]
    return Measured(figures, {"startSeconds": took, "restMiB": rests})
