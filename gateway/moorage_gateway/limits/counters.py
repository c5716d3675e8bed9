"""Counts requests: in Redis for all replicas, or in this process while Redis is away.

Both are the `limits` library's sliding window counter. Of its two Lua scripts, one admits a
request and the other tells how the counter stands; here one script holds both, so that a request
costs one command, and the numbers told are those that decided. Times are Redis' own: the clocks of
the replicas do not matter.
"""

import hashlib
from functools import lru_cache
from typing import Any, Final, Protocol

from limits.aio.storage import MemoryStorage
from limits.aio.storage.redis.bridge import RedisBridge
from redis.exceptions import NoScriptError

from moorage_gateway.limits.rules import Rule
from moorage_gateway.limits.standing import Standing
from moorage_gateway.pipelined import Pipelined, pack

_PREFIX: Final = "moorage:limits"
_SCRIPT: Final = f"""
local function acquire(KEYS, ARGV)
{RedisBridge.SCRIPT_ACQUIRE_SLIDING_WINDOW.decode()}
end
local function stand(KEYS, ARGV)
{RedisBridge.SCRIPT_SLIDING_WINDOW.decode()}
end
local admitted = acquire(KEYS, ARGV)
local found = stand(KEYS, {{ARGV[2]}})
return {{admitted and 1 or 0, found[1], found[2], found[3], found[4]}}
"""
_DIGEST: Final = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
"""What Redis knows it by."""


class Counter(Protocol):
    """Counts requests."""

    async def take(self, rule: Rule, who: str) -> Standing:
        """Count one request of ``who``, unless it is one too many."""
        ...


class RedisCounter:
    """Counts in Redis: one round trip, atomic, the same for every replica."""

    def __init__(self, pipelined: Pipelined) -> None:
        self._pipelined = pipelined

    async def take(self, rule: Rule, who: str) -> Standing:
        """Count one request.

        Raises:
            RedisError, OSError, TimeoutError: if Redis does not answer in time.
        """
        (answer,) = await self._asked(rule, who)
        admitted, previous, previous_left, count, left = answer
        return Standing(
            admitted=bool(admitted),
            limit=rule.amount,
            window=rule.window_seconds * 1000,
            previous=int(previous or 0),
            previous_left=max(0, previous_left),
            current=int(count or 0),
            current_left=max(0, left),
        )

    async def _asked(self, rule: Rule, who: str) -> list[Any]:
        try:
            return await self._pipelined.ask(_command("EVALSHA", _DIGEST, rule, who))
        except NoScriptError:  # a Redis that has not seen it yet; from then on it has
            return await self._pipelined.ask(_command("EVAL", _SCRIPT, rule, who))


@lru_cache(maxsize=4096)
def _command(name: str, script: str, rule: Rule, who: str) -> bytes:
    # In braces: both keys must be in one slot of a cluster.
    current = f"{_PREFIX}:{{{rule.item.key_for(who, rule.name)}}}"
    arguments = (rule.amount, rule.window_seconds, 1)
    return pack(name, script, 2, f"{current}/-1", current, *arguments)


class ProcessCounter:
    """Counts in this process alone."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()

    async def take(self, rule: Rule, who: str) -> Standing:
        """Count one request."""
        key, window = rule.item.key_for(who, rule.name), rule.window_seconds
        admitted = await self._storage.acquire_sliding_window_entry(key, rule.amount, window)
        found = await self._storage.get_sliding_window(key, window)
        previous, previous_left, count, left = found
        return Standing(
            admitted=admitted,
            limit=rule.amount,
            window=window * 1000,
            previous=previous,
            previous_left=int(previous_left * 1000),
            current=count,
            current_left=int(left * 1000),
        )
