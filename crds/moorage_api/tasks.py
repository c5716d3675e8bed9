"""Ends tasks for certain."""

import asyncio
from typing import Any, Final

_AGAIN_SECONDS: Final = 0.2


async def end(*tasks: asyncio.Task[Any], below: bool = False) -> None:
    """Cancel tasks and wait until they have ended.

    A cancellation may be lost: asyncio.wait_for, which redis-py uses for every write, drops one
    that comes together with a result or an error (until Python 3.12). So it is said again until it
    is heard; with ``below`` to every task that was told, for a task group tells its own only once.
    """
    left = {task for task in tasks if not task.done()}
    for task in left:
        task.cancel()
    while left:
        _, left = await asyncio.wait(left, timeout=_AGAIN_SECONDS)
        for task in _told() if below and left else left:
            task.cancel()


def _told() -> set[asyncio.Task[Any]]:
    """Return the tasks that were cancelled and go on."""
    own = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task.cancelling() and task is not own}
