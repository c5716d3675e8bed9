"""An event loop in a thread of its own, for what goes on beside a synchronous test."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, Self, TypeVar

Result = TypeVar("Result")
_PATIENCE: Final = 60.0
_TURNS: Final = 10


class Background:
    """Runs coroutines; what was spawned and failed is raised at its end."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="background")
        self._spawned: list[Future[Any]] = []
        self._tasks: list[asyncio.Task[Any]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_PATIENCE)
        self.loop.close()
        if error is None:
            self.check()

    def run(self, coroutine: Coroutine[Any, Any, Result], seconds: float = _PATIENCE) -> Result:
        """Run a coroutine to its end and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine that goes on until the end."""
        self._spawned.append(asyncio.run_coroutine_threadsafe(self._keep(coroutine), self.loop))

    def check(self) -> None:
        """Raise what a spawned coroutine failed with."""
        for each in self._spawned:
            if each.done() and not each.cancelled() and (error := each.exception()) is not None:
                raise error

    async def _keep(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.append(task)
        await coroutine

    async def _end(self) -> None:
        """End what was spawned, last first. Each ends its own tasks: nothing is cancelled twice."""
        for task in reversed(self._tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self.loop.shutdown_asyncgens()
        for _ in range(_TURNS):  # transports close a turn of the loop after they were told to
            await asyncio.sleep(0)
