"""Ends tasks for certain."""

import asyncio
from typing import Any

_AGAIN_SECONDS = 0.2


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended.

    A cancellation may be lost: asyncio.wait_for, which redis-py builds on, drops one that comes
    together with a result or an error (until Python 3.12). So it is said again until it is heard.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_SECONDS)
