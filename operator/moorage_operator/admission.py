"""Who may run: limits per namespace and per owner, and a line in a fair order. Pure.

The order is that of the moment from which a session has been without a place: its creation, or
when it last gave its place up. Nobody can come in before those who wait already, so everyone's
turn comes. An owner at their limit is stepped over: they hold up nobody but themselves.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from moorage_api.resources import ClaudeSession
from moorage_operator.observed import Place


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sessions may run at once. None: any number."""

    per_namespace: int | None = None
    per_owner: int | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """A session that has a place or wants one."""

    uid: str
    namespace: str
    owner: str | None
    since: datetime
    """From when on it has been without a place."""
    holds: bool
    """Whether it has a place already. It is never taken away."""

    @property
    def owner_key(self) -> tuple[str, str]:
        """Whose limit it counts for: an owner's sessions of one namespace, or of no owner."""
        return self.namespace, self.owner or ""


def contender(session: ClaudeSession, *, has_pod: bool) -> Contender | None:
    """Return the session's claim for a place; None if it neither has nor wants one.

    One that is suspended keeps its place until its status says that it gave it up: else another
    could take it, and the session, resumed in between, would come back as its holder.
    """
    meta, status = session.metadata, session.status
    if status.phase.finished or meta.deletion_timestamp or not meta.uid:
        return None
    admitted = next((each for each in status.conditions if each.type == "Admitted"), None)
    holds = has_pod or (admitted is not None and admitted.status == "True")
    if session.spec.suspend and not holds:
        return None
    since = meta.creation_timestamp
    if admitted is not None and status.started_at is not None:
        since = admitted.last_transition_time
    if since is None:
        return None
    return Contender(meta.uid, meta.namespace or "", session.spec.owner, since, holds)


def places(contenders: Iterable[Contender], limits: Limits) -> Mapping[str, Place]:
    """Return each contender's place, by UID."""
    line = _Line(limits)
    waiting = []
    for each in contenders:
        if each.holds:
            line.take(each)
        else:
            waiting.append(each)
    return {each.uid: line.ask(each) for each in sorted(waiting, key=_order)} | {
        uid: Place() for uid in line.holders
    }


def _order(each: Contender) -> tuple[datetime, str]:
    return each.since, each.uid


class _Line:
    """The count of places while the line is gone through once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.holders: set[str] = set()
        self._namespaces: Counter[str] = Counter()
        self._owners: Counter[tuple[str, str]] = Counter()
        self._behind_namespace: Counter[str] = Counter()
        self._behind_owner: Counter[tuple[str, str]] = Counter()

    def take(self, each: Contender) -> None:
        self.holders.add(each.uid)
        self._namespaces[each.namespace] += 1
        self._owners[each.owner_key] += 1

    def ask(self, each: Contender) -> Place:
        """Give a place, or say which limit is in the way and who else waits for it."""
        owner_limit, limit = self._limits.per_owner, self._limits.per_namespace
        if owner_limit is not None and each.owner and self._owners[each.owner_key] >= owner_limit:
            self._behind_owner[each.owner_key] += 1
            words = f"the limit of {owner_limit} running sessions per owner"
            return Place(self._behind_owner[each.owner_key], words)
        if limit is not None and self._namespaces[each.namespace] >= limit:
            self._behind_namespace[each.namespace] += 1
            words = f"the limit of {limit} running sessions in this namespace"
            return Place(self._behind_namespace[each.namespace], words)
        self.take(each)
        return Place()
