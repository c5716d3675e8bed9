"""Keeps the line of those that wait for a place, as the sessions change.

A place that was given out counts from that moment, before any status tells of it: two passes at
once never get the same one.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from moorage_operator.admission import Contender, Limits, contender, places
from moorage_operator.observed import Place
from moorage_operator.store import Record


class Line:
    """All contenders. Each namespace has a line of its own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.limited = limits != Limits()
        self._contenders: dict[str, dict[str, Contender]] = defaultdict(dict)
        self._namespaces: dict[str, str] = {}
        self._given: set[str] = set()
        self._places: dict[str, Mapping[str, Place]] = {}
        self._moved: set[str] = set()
        """Namespaces in which somebody may have got a place."""

    def note(self, record: Record) -> None:
        """Take over how a session stands now."""
        if not self.limited:
            return
        claim = contender(record.session, has_pod=record.pod is not None)
        if claim is None:
            self.forget(record.uid)
            return
        line = self._contenders[claim.namespace]
        if line.get(record.uid) != claim:
            line[record.uid] = claim
            self._namespaces[record.uid] = claim.namespace
            self._move(claim.namespace)

    def forget(self, uid: str) -> None:
        """Take a session out of the line."""
        namespace = self._namespaces.pop(uid, None)
        self._given.discard(uid)
        if namespace is not None:
            self._contenders[namespace].pop(uid, None)
            self._move(namespace)

    def ask(self, record: Record) -> Place:
        """Return a session's place; number 0 is given out with it."""
        if not self.limited:
            return Place()
        self.note(record)
        namespace = record.key[0]
        place = self.place(record)
        claim = self._contenders[namespace].get(record.uid)
        if place.number == 0 and claim is not None and not claim.holds:
            self._given.add(record.uid)
        return place

    def place(self, record: Record) -> Place:
        """Return a session's place."""
        return self._in(record.key[0]).get(record.uid, Place())

    def settle(self, uid: str, record: Record | None) -> None:
        """Take back a place that was given out, unless the session holds it by now."""
        if not self.limited:
            return
        if uid in self._given:
            self._given.discard(uid)
            self._move(self._namespaces.get(uid, ""))
        if record is None:
            self.forget(uid)
        else:
            self.note(record)

    def called_up(self) -> list[str]:
        """Return those who have a place since what changed last, and do not know of it yet."""
        moved, self._moved = self._moved, set()
        return [
            uid
            for namespace in moved
            for uid, place in self._in(namespace).items()
            if place.number == 0 and uid not in self._given and not self._holds(namespace, uid)
        ]

    def _holds(self, namespace: str, uid: str) -> bool:
        return self._contenders[namespace][uid].holds

    def _move(self, namespace: str) -> None:
        self._places.pop(namespace, None)
        self._moved.add(namespace)

    def _in(self, namespace: str) -> Mapping[str, Place]:
        if namespace not in self._places:
            line = self._contenders[namespace].values()
            self._places[namespace] = places(
                (replace(each, holds=True) if each.uid in self._given else each for each in line),
                self._limits,
            )
        return self._places[namespace]
