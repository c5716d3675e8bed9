"""Keeps the cache true for one namespace: a whole list, then a watch that goes on from it.

The watch ends every half minute and goes on where it was, so that a connection that died without a
word is noticed within a minute. When the API server does not know any more what happened since
(410, at the beginning or within the stream), all is listed anew and compared: no deletion is lost.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

import structlog

from moorage_api.backoff import Backoff
from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.errors import KubernetesError, ObjectGoneError
from moorage_api.kube.objects import Manifest
from moorage_gateway.backends.kubernetes.cache import SessionCache
from moorage_gateway.metrics.instruments import BackendMetrics

KIND: Final = "ClaudeSession"
_WATCH_SECONDS: Final = (25, 35)
_FIRST_SECONDS: Final = (1, 2)
_LONGEST_WAIT: Final = 10.0
LAG_SECONDS: Final = 60.0
"""How far the watch may be behind and still count as alive."""

log = structlog.get_logger(__name__)


class Follower:
    """Follows the sessions of one namespace."""

    def __init__(
        self,
        api: KubernetesApi,
        cache: SessionCache,
        namespace: str,
        metrics: BackendMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._cache = cache
        self._namespace = namespace
        self._metrics = metrics
        self._clock = clock
        self._version = ""
        self._heard: float | None = None

    @property
    def alive(self) -> bool:
        """Whether what is known was true a short while ago."""
        return self._heard is not None and self._clock() - self._heard <= LAG_SECONDS

    async def run(self) -> None:
        """Follow until cancelled."""
        backoff = Backoff(longest=_LONGEST_WAIT)
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except ObjectGoneError:
                self._version = ""
                self._metrics.restarted("expired")
            except KubernetesError as error:
                self._metrics.restarted("failed")
                log.warning("watch broke", namespace=self._namespace, cause=str(error))
            except Exception:  # a fault of ours, or of the API server's: what is known is doubtful
                self._version = ""
                self._metrics.restarted("failed")
                log.exception("watch died", namespace=self._namespace)
            else:
                backoff.reset()
                continue
            await asyncio.sleep(backoff.next())

    async def _list(self) -> None:
        bodies, version = list[Manifest](), ""
        async for page in self._api.list(KIND, self._namespace):
            version = version or page.version
            bodies += page.items
        self._cache.listed(self._namespace, bodies, int(version))
        self._version, self._heard = version, self._clock()
        self._metrics.restarted("listed")
        self._metrics.unreadable.set(self._cache.unreadable)

    async def _watch(self) -> None:
        """Watch until the API server ends it in order."""
        # By chance: not all processes at once. After an outage a short one tells that it is over.
        low, high = _WATCH_SECONDS if self.alive else _FIRST_SECONDS
        seconds = random.randint(low, high)  # noqa: S311
        events = self._api.watch(KIND, self._namespace, self._version, seconds)
        async with aclosing(events):
            async for event in events:
                body = event["object"]
                self._cache.told(self._namespace, event["type"], body)
                self._version, self._heard = body["metadata"]["resourceVersion"], self._clock()
                self._metrics.unreadable.set(self._cache.unreadable)
        self._heard = self._clock()
