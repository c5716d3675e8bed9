"""Who asks at one moment is served at once, each with what is theirs, and nobody is forgotten."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from moorage_gateway.gathering import Gathering

whose: ContextVar[str] = ContextVar("whose", default="nobody's")


class Doubling:
    """Serves numbers: doubles them, refuses 13, and dies of 0. Waits while it is held."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.free = asyncio.Event()
        self.free.set()

    async def serve(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.rounds.append(list(numbers))
        assert whose.get() == "nobody's"
        await self.free.wait()
        if 0 in numbers:
            raise ZeroDivisionError
        return [ValueError("unlucky") if number == 13 else 2 * number for number in numbers]


@pytest.fixture
def doubling() -> Doubling:
    return Doubling()


async def test_all_that_ask_at_one_moment_are_one_round(doubling: Doubling) -> None:
    whose.set("mine")
    gathering = Gathering("test", doubling.serve)
    assert await asyncio.gather(*map(gathering.ask, range(1, 6))) == [2, 4, 6, 8, 10]
    assert doubling.rounds == [[1, 2, 3, 4, 5]]


async def test_a_refusal_is_told_to_its_asker_alone(doubling: Doubling) -> None:
    gathering = Gathering("test", doubling.serve)
    asked = (gathering.ask(number) for number in (1, 13, 2))
    one, unlucky, two = await asyncio.gather(*asked, return_exceptions=True)
    assert (one, two) == (2, 4)
    assert isinstance(unlucky, ValueError)


async def test_what_a_round_dies_of_is_told_to_all_of_it_and_the_next_goes_on(
    doubling: Doubling,
) -> None:
    gathering = Gathering("test", doubling.serve)
    told = await asyncio.gather(*map(gathering.ask, (0, 1)), return_exceptions=True)
    assert [type(each) for each in told] == [ZeroDivisionError] * 2
    assert await gathering.ask(1) == 2


async def test_a_round_that_waits_holds_up_neither_the_others_nor_too_many(
    doubling: Doubling,
) -> None:
    gathering = Gathering("test", doubling.serve, side_by_side=2, most=3)
    doubling.free.clear()
    first = [asyncio.create_task(gathering.ask(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(gathering.ask(number)) for number in range(3, 10)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert doubling.rounds == [[1, 2], [3, 4, 5]], "two are under way, and no more"
    doubling.free.set()
    assert await asyncio.gather(*first, *rest) == [2 * number for number in range(1, 10)]
    assert max(map(len, doubling.rounds)) == 3


async def test_who_asks_as_all_rounds_end_is_served(doubling: Doubling) -> None:
    gathering = Gathering("test", doubling.serve, side_by_side=2, most=1)
    doubling.free.clear()

    async def ask_when_they_end() -> int:
        await doubling.free.wait()  # woken with the rounds, and after them
        return await gathering.ask(3)

    first = [asyncio.create_task(gathering.ask(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    last = asyncio.create_task(ask_when_they_end())
    await asyncio.sleep(0)
    doubling.free.set()
    assert await asyncio.wait_for(last, timeout=5) == 6
    assert await asyncio.gather(*first) == [2, 4]


async def test_who_goes_away_is_served_all_the_same_and_harms_nobody(doubling: Doubling) -> None:
    gathering = Gathering("test", doubling.serve)
    doubling.free.clear()
    gone, stays = (asyncio.create_task(gathering.ask(number)) for number in (1, 2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    doubling.free.set()
    assert await stays == 4
    assert doubling.rounds == [[1, 2]]


async def test_at_the_end_nobody_waits_for_ever(doubling: Doubling) -> None:
    gathering = Gathering("test", doubling.serve, side_by_side=1, most=1)
    doubling.free.clear()
    asked = [asyncio.create_task(gathering.ask(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await gathering.close()
    await asyncio.wait(asked, timeout=5)
    assert [task.cancelled() for task in asked] == [True, True]
