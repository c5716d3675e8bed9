"""A session's first steps, which need neither Redis nor Claude Code: reach the agent, clone.

They begin before all else is imported, which takes longer than a small clone does, and another
process on another core clones. So this module imports little; a test holds it to that.
"""

import asyncio
from collections.abc import Callable

from moorage_api.quantities import parse_duration
from moorage_api.reasons import Reason
from moorage_api.resources import SessionSpec
from moorage_api.tasks import end
from moorage_runner.agent import Agent
from moorage_runner.clone import CloneError, Prepared, Progress, prepare
from moorage_runner.errors import RepositoryError
from moorage_runner.settings import RunnerSettings
from moorage_runner.workspace import Workspace


class Groundwork:
    """The first steps of one session. They begin with it: it is made in an event loop."""

    def __init__(self, settings: RunnerSettings, spec: SessionSpec) -> None:
        self.settings = settings
        self.spec = spec
        self.workspace = Workspace(settings.workspace)
        self.launcher = settings.launcher
        self.agent = Agent(self.launcher) if self.launcher.socket else None
        self._patience = parse_duration(spec.timeouts.start).total_seconds()
        self._told: list[Progress] = []
        self._tell: Callable[[Progress], None] = self._told.append
        self.reaching = asyncio.create_task(self._reach_agent(), name="attend")
        """Ends when the agent is there, where there is one; raises AgentEndedError."""
        self.cloning = asyncio.create_task(self._clone(), name="clone")
        """Gives the clones; raises AgentEndedError or RepositoryError."""

    def listen(self, tell: Callable[[Progress], None]) -> None:
        """Tell how far the clone is from now on, and first what it told so far."""
        self._tell = tell
        for progress in self._told:
            tell(progress)

    async def stop(self) -> None:
        """End what still runs of it. The agent stays attended."""
        await end(self.cloning, self.reaching)
        # Nobody may have waited for them: that they failed is known, or of no account any more.
        await asyncio.gather(self.cloning, self.reaching, return_exceptions=True)

    async def close(self) -> None:
        """End all of it, and leave the agent."""
        await self.stop()
        if self.agent:
            await self.agent.close()

    def _hear(self, progress: Progress) -> None:
        self._tell(progress)

    async def _reach_agent(self) -> None:
        if self.agent:
            await self.agent.attend(self._patience)

    async def _clone(self) -> Prepared:
        await self.reaching
        try:
            self.workspace.create()
            return await prepare(
                self.spec,
                self.workspace,
                self._hear,
                self.launcher,
                timeout=self._patience,
            )
        except CloneError as error:
            raise RepositoryError(error.reason, error.message) from error
        except OSError as error:
            message = f"The workspace cannot be written: {error.strerror}."
            raise RepositoryError(Reason.RUNNER_FAILED, message) from error
