"""What is done again and again, whatever is heard: the sweep of Redis, and the whole list.

With the sweep go the disruption budgets, which nobody watches.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from moorage_api.kube.errors import KubernetesError
from moorage_operator.backoff import chance
from moorage_operator.disruption import DisruptionBudgets
from moorage_operator.feed import Feed
from moorage_operator.floods import Floods
from moorage_operator.health import Health
from moorage_operator.line import Line
from moorage_operator.lister import Lister
from moorage_operator.store import Store
from moorage_operator.sweep import Sweep, misplaced
from moorage_operator.work import WorkQueue

_log = structlog.get_logger(__name__)
_AGAIN: Final = timedelta(seconds=2)
"""How soon a round that failed is tried again, and how long a watch that began may be still."""

_FLOOD_SECONDS: Final = 1.0
"""How often Redis is asked how much it holds."""

_LONGEST_SETTLING: Final = 15
"""So often it is waited for watches that begin to be still, one after the other."""


class Rounds:
    """The loops; the first two wait so that an event can cut it short."""

    def __init__(
        self,
        store: Store,
        line: Line,
        feed: Feed,
        queue: WorkQueue,
        sweep: Sweep,
        budgets: DisruptionBudgets,
        lister: Lister,
        floods: Floods,
        health: Health,
    ) -> None:
        self._store = store
        self._line = line
        self._feed = feed
        self._queue = queue
        self._sweep = sweep
        self._budgets = budgets
        self._lister = lister
        self._floods = floods
        self._health = health
        self.hurry = asyncio.Event()
        """Has the next sweep come at once: hints from Redis were missed."""

    async def sweep(self, every: timedelta, told: Callable[[bool], None]) -> None:
        """Sweep until cancelled; ``told`` hears each time whether Redis answered."""
        while True:
            self.hurry.clear()
            self._health.beat()
            try:
                await self._sweep.run(self._feed.look_at)
            except KubernetesError:
                _log.warning("redis does not answer; what runs goes on")
                told(False)
                wait = min(_AGAIN, every)
            else:
                told(True)
                self._correct_line()
                await self._renew_budgets()
                wait = every
            await _pause(wait, self.hurry)

    async def _renew_budgets(self) -> None:
        pods = ((each.key[0], each.pod) for each in self._store)
        at_work = {namespace for namespace, pod in pods if pod and not pod.safe_to_evict}
        try:
            await self._budgets.renew(at_work)
        except KubernetesError as error:
            _log.warning("disruption budgets were not looked at", cause=str(error))

    async def watch_memory(self) -> None:
        """Look for sessions that fill Redis until cancelled."""
        while True:
            try:
                self._feed.look_at(*await self._floods.look())
            except KubernetesError as error:
                _log.debug("what sessions keep in Redis is not known", cause=str(error))
            await asyncio.sleep(_FLOOD_SECONDS)

    def _correct_line(self) -> None:
        if not self._line.limited:
            return
        waiting = (each for each in self._store if not each.session.status.phase.finished)
        for uid in misplaced(waiting, lambda record: self._line.place(record).number):
            self._queue.add(uid)

    async def list_all(self, every: timedelta) -> None:
        """List everything now and then, and have every session planned anew, spread out."""
        wait = every
        while True:
            if await _pause(wait, self._feed.began):
                await self._settle()
            try:
                self._feed.look_at(*await self._lister.list())
            except KubernetesError as error:
                _log.warning("the lists failed", cause=str(error))
                wait = _AGAIN
                continue
            wait = every
            for record in self._store:
                self._queue.add_after(record.uid, every * (chance(record.uid, 0) / 2))

    async def _settle(self) -> None:
        """Wait until no watch's own list tells of anything any more: a long one takes its time."""
        for _ in range(_LONGEST_SETTLING):
            self._feed.began.clear()
            await asyncio.sleep(_AGAIN.total_seconds())
            if not self._feed.began.is_set():
                return


async def _pause(wait: timedelta, sooner: asyncio.Event) -> bool:
    """Wait; return whether the event came first."""
    try:
        async with asyncio.timeout(wait.total_seconds()):
            await sooner.wait()
    except TimeoutError:
        return False
    return True
