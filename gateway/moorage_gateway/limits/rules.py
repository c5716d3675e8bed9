"""Which limit a request falls under, and what happens to it while Redis is away. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from limits import RateLimitItem, parse

from moorage_gateway.settings import LimitSettings

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class LimitName(StrEnum):
    """What is counted apart.

    Registrations, logins and refreshes are counted per address; attempts per account that somebody
    wants to log in to, whether or not there is one; the others per user.
    """

    SESSIONS = "sessions"
    MESSAGES = "messages"
    FILES = "files"
    READS = "reads"
    WRITES = "writes"
    REGISTRATIONS = "registrations"
    LOGINS = "logins"
    REFRESHES = "refreshes"
    ATTEMPTS = "attempts"


class WithoutRedis(StrEnum):
    """What becomes of requests while Redis does not answer (decision record 0038)."""

    LOCAL = "local"
    """Each process counts for itself: N replicas allow up to N times as much."""
    CLOSED = "closed"
    """Refused: guessing must not become easier by taking Redis away."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit."""

    name: LimitName
    item: RateLimitItem
    without_redis: WithoutRedis

    @property
    def amount(self) -> int:
        """How many requests."""
        return self.item.amount

    @property
    def window_seconds(self) -> int:
        """In which time."""
        return self.item.get_expiry()


_CLOSED: Final = frozenset({LimitName.REGISTRATIONS, LimitName.LOGINS, LimitName.ATTEMPTS})


def rules_of(settings: LimitSettings) -> Mapping[LimitName, Rule]:
    """Return every rule, as the settings have it."""
    return {
        name: Rule(
            name=name,
            item=parse(getattr(settings, name.value)),
            without_redis=WithoutRedis.CLOSED if name in _CLOSED else WithoutRedis.LOCAL,
        )
        for name in LimitName
    }


_OPEN: Final = {
    "/register": LimitName.REGISTRATIONS,
    "/login": LimitName.LOGINS,
    "/refresh": LimitName.REFRESHES,
    "/logout": LimitName.REFRESHES,
}


def open_limit_for(path: str) -> LimitName:
    """Return the limit of a route that needs no login; ``path`` is the route's."""
    return _OPEN[path]


@lru_cache(maxsize=512)
def limit_for(method: str, path: str) -> LimitName:
    """Return the limit that a signed-in user's request falls under; ``path`` is the route's."""
    if path.endswith("/diff") or "/{session_id}/files" in path:
        return LimitName.FILES
    if method in _SAFE_METHODS:
        return LimitName.READS
    if method == "POST" and path.endswith("/sessions"):
        return LimitName.SESSIONS
    if method == "POST" and path.endswith("/messages"):
        return LimitName.MESSAGES
    return LimitName.WRITES
