"""What several ask for at one moment, done at once: where that costs little more than for one.

Nobody waits for others to come: what is asked while others are served makes up the next round. A
few rounds go on side by side, so that one that waits (for a lock of the database's, say) does not
hold up all.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, Generic, TypeVar, cast

from moorage_api.tasks import end

Item = TypeVar("Item")
Result = TypeVar("Result")

_SIDE_BY_SIDE: Final = 2
_MOST: Final = 64
"""How many are served in one round."""


class Gathering(Generic[Item, Result]):
    """Serves in rounds."""

    def __init__(
        self,
        name: str,
        serve: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        side_by_side: int = _SIDE_BY_SIDE,
        most: int = _MOST,
    ) -> None:
        """``serve`` gives for each item what comes of it, or what its asker is to be told.

        What ``serve`` raises is told to all askers of the round. It sees none of their context
        variables.
        """
        self._name = name
        self._serve = serve
        self._side_by_side = side_by_side
        self._most = most
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._rounds: set[asyncio.Task[None]] = set()

    async def ask(self, item: Item) -> Result:
        """Return what comes of ``item``; it is served also if who asked does not wait for it."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if len(self._rounds) < self._side_by_side:
            self._begin()
        return await answer

    async def close(self) -> None:
        """End; who still waits is cancelled."""
        await end(*self._rounds)
        while self._waiting:
            self._waiting.popleft()[1].cancel()

    def _begin(self) -> None:
        work = self._work()
        task = asyncio.get_running_loop().create_task(work, name=self._name, context=Context())
        self._rounds.add(task)

    async def _work(self) -> None:
        """Serve until nobody waits."""
        try:
            while self._waiting:
                count = min(len(self._waiting), self._most)
                await self._round([self._waiting.popleft() for _ in range(count)])
        finally:
            # Here and not once the task is done: who asks in between must not count on it.
            self._rounds.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _round(self, asked: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results: Sequence[Result | Exception] = await self._serve([item for item, _ in asked])
        except Exception as error:
            results = [error] * len(asked)
        except asyncio.CancelledError:
            for _, answer in asked:
                answer.cancel()
            raise
        for (_, answer), result in zip(asked, results, strict=True):
            if answer.done():
                continue  # who asked went away
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)
