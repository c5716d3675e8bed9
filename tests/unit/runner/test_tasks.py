"""Tasks end even if they lose a cancellation."""

import asyncio
from contextlib import suppress

from moorage_runner.tasks import end


async def test_a_lost_cancellation_is_said_again() -> None:
    lost: list[int] = []

    async def loses_one() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append(1)

    task = asyncio.create_task(loses_one())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(task)
    with suppress(asyncio.CancelledError):
        await task
    assert lost == [1]
    assert task.cancelled()
