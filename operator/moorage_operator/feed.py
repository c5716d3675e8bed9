"""What is heard becomes work: events of watches, hints from Redis, what lists show.

Level-triggered: whatever is heard only says that it is worth looking, never what to do.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final

import structlog
from pydantic import ValidationError

from moorage_api.resources import Phase
from moorage_operator.act import SESSION
from moorage_operator.line import Line
from moorage_operator.store import Store, owner_of
from moorage_operator.work import WorkQueue

_log = structlog.get_logger(__name__)

POD: Final = "Pod"
_HINT_PAUSE: Final = 1.0
"""Seconds between two looks at a Ready session that hints alone ask for: a session at work changes
its state several times a second."""


class Feed:
    """Takes over what is told, and has those looked at of whom something is new."""

    def __init__(
        self, store: Store, line: Line, queue: WorkQueue, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._line = line
        self._queue = queue
        self._clock = clock
        self._hinted: dict[str, float] = {}
        self.began = asyncio.Event()
        """Set when a watch began: what went before its list, and after ours, nobody tells."""

    def take(self, kind: str, event: str | None, body: dict[str, Any]) -> None:
        """Take over an event of a watch; None: a list that comes before it told of the object."""
        uid = body["metadata"]["uid"]
        if event == "DELETED":
            self.look_at(*self._store.remove(kind, body))
            return
        if event is None:
            self.began.set()
        try:
            changed = self._store.put(kind, body)
        except ValidationError:
            _log.error("not readable", kind=kind, uid=uid)
            return
        if event == "ADDED" and kind == SESSION and (record := self._store.get(uid)) is not None:
            record.seen_at = self._clock()
        if kind != POD or not self._is_own_work(uid=owner_of(body)):
            self.look_at(*changed)

    def _is_own_work(self, uid: str) -> bool:
        """Whether a watch tells of the pod that a pass in hand is creating: no news to it.

        The watch is often ahead of the answer to the create. If the pass fails, it is done again.
        """
        record = self._store.get(uid)
        pod = record.pod if record is not None else None
        blank = pod is not None and not (pod.containers or pod.deleting)
        return blank and self._queue.works_on(uid)

    def look_at(self, *uids: str) -> None:
        """Have sessions looked at, and those that may have got a place by what changed."""
        for uid in uids:
            record = self._store.get(uid)
            if record is None:
                self._line.forget(uid)
                self._hinted.pop(uid, None)
            else:
                self._line.note(record)
            self._queue.add(uid)
        self.call_up()

    def call_up(self) -> None:
        """Have those looked at that have got a place by what changed."""
        for uid in self._line.called_up():
            self._queue.add(uid)

    def hint(self, uids: Iterable[str]) -> None:
        """Have sessions looked at that changed something in Redis; Ready ones not too often."""
        now = self._clock()
        for uid in uids:
            record = self._store.get(uid)
            if record is None:
                continue
            due = self._hinted.get(uid, 0.0) + _HINT_PAUSE
            if record.session.status.phase is Phase.READY and now < due:
                self._queue.add_after(uid, timedelta(seconds=due - now))
            else:
                self._hinted[uid] = now
                self._queue.add(uid)
