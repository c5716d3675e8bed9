"""How background jobs fare, noted in the database: a letter for each that was given up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_gateway.dead_letters.repository import Failure, LetterRepository, subject_of_job


@dataclass(frozen=True, slots=True)
class JobLedger:
    """The jobs' ledger (`moorage_gateway.jobs.duties.Ledger`)."""

    engine: AsyncEngine
    clock: Callable[[], datetime]

    async def succeeded(self, name: str) -> None:
        """Remove the job's letter: what it was to do is done."""
        async with self.engine.begin() as connection:
            await LetterRepository(connection).clear(subject_of_job(name))

    async def failed(self, name: str, reason: str, attempts: int) -> None:
        """Put a letter for the job."""
        failure = Failure("job", name, reason, attempts)
        async with self.engine.begin() as connection:
            await LetterRepository(connection).put(failure, self.clock())
