"""The limiter of one process: counts in Redis; decides by the rule what to do while it is away."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from moorage_api.backoff import Backoff
from moorage_api.redis_client import FAILURES
from moorage_gateway.errors import Unavailable
from moorage_gateway.limits.counters import Counter
from moorage_gateway.limits.rules import LimitName, Rule, WithoutRedis
from moorage_gateway.limits.standing import Standing

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 5.0

log = structlog.get_logger(__name__)


class Limiter:
    """Counts each request once.

    After a failure Redis is left alone for a while, so that an outage costs one request the time
    limit now and then, and not every request.
    """

    def __init__(
        self,
        rules: Mapping[LimitName, Rule],
        shared: Counter,
        own: Counter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules = rules
        self._shared = shared
        self._own = own
        self._clock = clock
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._paused_until: float | None = None

    @property
    def is_shared(self) -> bool:
        """Whether the last request was counted for all replicas."""
        return self._paused_until is None

    async def take(self, name: LimitName, who: str) -> Standing:
        """Count one request of ``who`` (a user's id, or an address).

        Raises:
            Unavailable: if Redis is away and the rule then refuses.
        """
        rule = self.rules[name]
        standing = None if self._is_paused() else await self._take_shared(rule, who)
        if standing is not None:
            return standing
        if rule.without_redis is WithoutRedis.CLOSED:
            raise Unavailable("redis")
        return await self._own.take(rule, who)

    def _is_paused(self) -> bool:
        return self._paused_until is not None and self._clock() < self._paused_until

    async def _take_shared(self, rule: Rule, who: str) -> Standing | None:
        if self._paused_until is not None:  # this request tries; others do not wait for it
            self._paused_until = self._clock() + _LONGEST_PAUSE
        try:
            standing = await self._shared.take(rule, who)
        except FAILURES as error:
            if self._paused_until is None:
                log.warning("limits are counted in this process", reason=type(error).__name__)
            self._paused_until = self._clock() + self._backoff.next()
            return None
        if self._paused_until is not None:
            log.info("limits are counted in Redis again")
            self._paused_until = None
            self._backoff.reset()
        return standing
