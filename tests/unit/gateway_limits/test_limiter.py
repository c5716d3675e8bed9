"""What the limiter does while Redis is away."""

import pytest
from redis.exceptions import ConnectionError as RedisAway

from moorage_gateway.errors import Unavailable
from moorage_gateway.limits.counters import ProcessCounter
from moorage_gateway.limits.limiter import Limiter
from moorage_gateway.limits.rules import LimitName, Rule, rules_of
from moorage_gateway.limits.standing import Standing
from moorage_gateway.settings import LimitSettings

SHARED = Standing(True, 1000, 60_000, 0, 0, 1, 100_000)


class Shared:
    """A counter that can be away."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0

    async def take(self, rule: Rule, who: str) -> Standing:
        self.asked += 1
        if self.away:
            raise RedisAway
        return SHARED


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def limiter(shared: Shared, clock: Clock, **settings: str) -> Limiter:
    return Limiter(
        rules_of(LimitSettings.model_validate(settings)), shared, ProcessCounter(), clock
    )


async def test_requests_are_counted_in_redis() -> None:
    shared = Shared()
    assert await limiter(shared, Clock()).take(LimitName.READS, "ada") is SHARED


async def test_without_redis_this_process_counts_and_still_refuses() -> None:
    shared = Shared()
    shared.away = True
    mine = limiter(shared, Clock(), messages="2/hour")
    found = [(await mine.take(LimitName.MESSAGES, "ada")).admitted for _ in range(3)]
    assert found == [True, True, False]
    assert (await mine.take(LimitName.MESSAGES, "bob")).remaining == 1
    assert not mine.is_shared


async def test_without_redis_log_ins_are_refused() -> None:
    shared = Shared()
    shared.away = True
    mine = limiter(shared, Clock())
    for name in (LimitName.LOGINS, LimitName.REGISTRATIONS):
        with pytest.raises(Unavailable):
            await mine.take(name, "203.0.113.7")
    assert (await mine.take(LimitName.REFRESHES, "203.0.113.7")).admitted


async def test_redis_is_left_alone_for_a_while_and_then_used_again() -> None:
    shared, clock = Shared(), Clock()
    mine = limiter(shared, clock)
    shared.away = True
    for _ in range(10):
        await mine.take(LimitName.READS, "ada")
    assert shared.asked == 1
    clock.now += 10
    await mine.take(LimitName.READS, "ada")
    assert shared.asked == 2
    shared.away = False
    clock.now += 10
    assert await mine.take(LimitName.READS, "ada") is SHARED
    assert mine.is_shared
