"""Who may start now, and who waits in which place. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from moorage_api.resources import Phase


@dataclass(frozen=True, slots=True)
class Limits:
    """How many may run, and how many of them start, at once."""

    running: int
    starting: int


def places(waiting: Sequence[str], phases: Iterable[Phase], limits: Limits) -> dict[str, int]:
    """Return the place of each session in ``waiting``, first come first: 0 may start now.

    ``phases`` are those of all sessions that have a process.
    """
    present = list(phases)
    starting = sum(1 for phase in present if phase is Phase.STARTING)
    free = max(0, min(limits.running - len(present), limits.starting - starting))
    return {each: max(0, index - free + 1) for index, each in enumerate(waiting)}
