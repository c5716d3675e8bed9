"""Tasks that run as long as the gateway does: restarted with backoff when they die."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 30.0
_SETTLED: Final = 60.0
"""Seconds that a task must run for its next death to count as the first."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Background:
    """A task: a name for the log and health, and what runs until it is cancelled."""

    name: str
    run: Callable[[], Awaitable[None]]


class Supervisor:
    """Runs the background tasks and knows which of them stand."""

    def __init__(
        self,
        tasks: Sequence[Background],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tasks = tasks
        self._sleep = sleep
        self._clock = clock
        self._down: dict[str, str] = {}

    @property
    def down(self) -> dict[str, str]:
        """The tasks that wait to be started again, each with the kind of error it died of."""
        return dict(self._down)

    async def run(self) -> None:
        """Run all tasks until cancelled."""
        async with asyncio.TaskGroup() as group:
            for task in self._tasks:
                group.create_task(self._keep(task), name=task.name)

    async def _keep(self, task: Background) -> None:
        failures = 0
        while True:
            started = self._clock()
            error = await self._once(task)
            failures = 1 if self._clock() - started > _SETTLED else failures + 1
            self._down[task.name] = error
            wait = min(_FIRST_WAIT * 2 ** min(failures - 1, 10), _LONGEST_WAIT)
            await self._sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            self._down.pop(task.name, None)

    async def _once(self, task: Background) -> str:
        """Run ``task`` until it ends, and return why it did."""
        try:
            await task.run()
        except Exception as error:
            if _is_cancelled():  # an error on the way out must not hide that the end has come
                raise asyncio.CancelledError from error
            log.exception("background task died", task=task.name)
            return type(error).__name__
        log.error("background task ended by itself", task=task.name)
        return "ended"


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
