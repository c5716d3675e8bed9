"""Prompts that wait for their turn."""

import asyncio
from collections import deque
from dataclasses import dataclass

from moorage_api.inbox import Prompt


@dataclass(slots=True)
class Job:
    """A prompt to answer."""

    prompt: Prompt
    entry_id: str | None
    """The inbox entry to settle; None for the spec's prompt."""
    interrupted: bool = False
    """Somebody ended it before it was begun."""

    @property
    def turn_id(self) -> str:
        """The turn's id: that of the prompt."""
        return self.prompt.input_id


class PromptQueue:
    """First come, first served."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def head(self) -> Job | None:
        """The job that is next."""
        return self._jobs[0] if self._jobs else None

    def add(self, job: Job) -> None:
        """Append a job."""
        self._jobs.append(job)
        self._filled.set()

    def holds(self, turn_id: str) -> bool:
        """Whether this turn waits."""
        return any(job.turn_id == turn_id for job in self._jobs)

    async def next(self) -> Job:
        """Wait for a job and take it."""
        while not self._jobs:
            self._filled.clear()
            await self._filled.wait()
        return self._jobs.popleft()
