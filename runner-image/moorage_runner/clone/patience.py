"""How often a clone that the network failed is tried again, and how long is waited before.

A new pod's network policies and its way to DNS are in force a moment after it runs, and most of
what fails there is mended within seconds. So it is tried again here, before it counts as a failure
of the session. What another try cannot mend is not: a refusal, a repository or ref that is missing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from moorage_api.backoff import Backoff


@dataclass(frozen=True, slots=True)
class Patience:
    """At most `limit` further tries; waits double from `first` to `longest` seconds, by chance."""

    limit: int = 5
    first: float = 0.5
    longest: float = 8.0
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    def backoff(self) -> Backoff:
        """Return the waits of one clone."""
        return Backoff(self.first, self.longest)


PATIENCE: Final = Patience()
