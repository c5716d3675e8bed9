"""Tasks end even if they lose a cancellation."""

import asyncio

from moorage_api.tasks import end


async def losing_one(lost: list[int]) -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if lost:
                raise
            lost.append(1)


async def group_of_one(lost: list[int]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(losing_one(lost))


async def test_a_lost_cancellation_is_said_again() -> None:
    lost: list[int] = []
    task = asyncio.create_task(losing_one(lost))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(task)
    assert lost == [1]
    assert task.cancelled()


async def test_it_is_said_again_to_those_of_a_task_group() -> None:
    lost: list[int] = []
    task = asyncio.create_task(group_of_one(lost))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(task, below=True)
    assert lost == [1]
    assert task.cancelled()


async def test_who_ended_already_is_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    await end(task)
    assert not task.cancelled()
