"""What a job is here: something that has to be done again and again, by one of the replicas.

A duty holds no data of its own: it finds out from the database, or from what stands in Redis, what
there is to do. So a run that is lost, doubled or late does no harm, and a queue that was lost with
its Redis is made anew from the list of duties.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Duty:
    """A job that is done on a schedule."""

    name: str
    schedule: str
    """When, as in a crontab, in UTC."""
    run: Callable[[], Awaitable[object]]


class Ledger(Protocol):
    """Is told how the duties fare."""

    async def succeeded(self, name: str) -> None:
        """Note that a run was well."""
        ...

    async def failed(self, name: str, reason: str, attempts: int) -> None:
        """Note that a duty was given up, after so many attempts."""
        ...
