"""What can go wrong between the operator and the API server, as values that the proxy acts on.

A fault says which requests it is for (``Which``) and what becomes of them. The first one that
applies to a request counts.
"""

import random
import threading
from dataclasses import dataclass, field
from typing import Any, Final

WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LEASES: Final = "/leases"


@dataclass(frozen=True)
class Asked:
    """A request, as far as faults are told apart by it."""

    method: str
    path: str
    watch: bool = False

    @property
    def write(self) -> bool:
        """Whether it changes something; the Lease's renewal is not meant."""
        return self.method in WRITES and LEASES not in self.path


@dataclass
class Which:
    """Which requests: all that fit, or every n-th of them, or some by chance; so many times."""

    methods: frozenset[str] = WRITES
    part: str = ""
    """What their path contains."""
    watch: bool = False
    """Watches, which are GETs; then methods do not count."""
    every: int = 1
    chance: float = 1.0
    times: int | None = None
    leases: bool = False
    """Whether requests for the Lease are meant too."""
    seed: int = 0
    fitted: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - chance for a test, by a seed

    def take(self, asked: Asked) -> bool:
        """Say whether it is one of them, and count it."""
        if not self._fits(asked) or (self.times is not None and self.hits >= self.times):
            return False
        self.fitted += 1
        if self.fitted % self.every or self._random.random() >= self.chance:
            return False
        self.hits += 1
        return True

    def _fits(self, asked: Asked) -> bool:
        if asked.watch != self.watch or (LEASES in asked.path and not self.leases):
            return False
        return self.part in asked.path and (self.watch or asked.method in self.methods)


@dataclass(frozen=True)
class Answer:
    """The API server did not see it: an error of its kind comes back."""

    which: Which
    status: int
    reason: str = ""
    retry_after: int | None = None

    @property
    def body(self) -> dict[str, Any]:
        """Return the Status object that Kubernetes answers with."""
        return status_object(self.status, self.reason)


@dataclass(frozen=True)
class Late:
    """It is passed on, and its answer too, after so many seconds."""

    which: Which
    seconds: float


@dataclass(frozen=True)
class Dropped:
    """The connection closes: before it was passed on, or after it was done."""

    which: Which
    done: bool = True


@dataclass(frozen=True)
class Cut:
    """Half of its answer's body comes, then the connection closes."""

    which: Which


@dataclass(frozen=True)
class GoneEvent:
    """A watch is told that its version is too old, by an event in a stream that began well."""

    which: Which


@dataclass(frozen=True)
class Hidden:
    """Events of this type, or of any, never come in a watch of paths that contain ``part``."""

    type: str | None
    part: str


@dataclass(frozen=True)
class Stale:
    """GETs are answered as they were when the proxy's ``remember`` was told to begin."""

    which: Which


@dataclass(frozen=True)
class Held:
    """It is passed on when the test lets it."""

    which: Which
    come: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


Fault = Answer | Late | Dropped | Cut | GoneEvent | Stale | Held

_REASONS: Final = {
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}


def status_object(code: int, reason: str = "") -> dict[str, Any]:
    """Return a failure as Kubernetes describes it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "code": code,
        "reason": reason or _REASONS.get(code, "Unknown"),
        "message": f"a fault of the test: {code}",
    }
