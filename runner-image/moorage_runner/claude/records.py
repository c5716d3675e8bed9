"""Reads the conversation's transcript from where Claude Code wrote it.

In a pod that is the agent's container: the files are readable for Claude Code's user alone, so the
agent is asked for them, and a copy in a folder of the runner's own is read. It is untrusted input.
"""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from moorage_agent.transcript import FORGET, MAX_BYTES, READ
from moorage_runner.claude import transcript
from moorage_runner.claude.transcript import Transcript
from moorage_runner.clone.process import Finished, run
from moorage_runner.commands import Launcher

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Records:
    """The transcript of `conversation`, whose working directory is `repo`."""

    conversation: str
    repo: Path
    home: Path
    """CLAUDE_CONFIG_DIR without its last part: where the SDK looks."""
    launcher: Launcher
    written: Path
    """Where Claude Code keeps its files: there from its first start on."""

    async def read(self) -> Transcript:
        """Read it.

        Raises:
            OSError, TimeoutError: The agent, or the disk, does not give it.
        """
        if self.launcher.socket is None:
            return await asyncio.to_thread(self._parse)
        # A new session need not ask. One look, cheaper than a thread.
        if not os.path.lexists(self.written):  # noqa: ASYNC240
            return Transcript()
        data = (await self._ask(READ)).stdout
        await asyncio.to_thread(self._copy, data)
        found = await asyncio.to_thread(self._parse)
        if data and not found.exists:
            await self._ask(FORGET)
        return found

    async def close(self) -> None:
        """Remove the copy, where there is one."""
        if self.launcher.socket:
            await asyncio.to_thread(shutil.rmtree, self.home, ignore_errors=True)

    async def _ask(self, word: str) -> Finished:
        async with asyncio.timeout(_SECONDS):
            done = await run([word, self.conversation], {}, self.launcher, limit=MAX_BYTES)
        if done.code:
            raise ConnectionError(done.stderr.strip())
        return done

    def _copy(self, data: bytes) -> None:
        projects = self.home / ".claude" / "projects"
        if not data:
            shutil.rmtree(projects, ignore_errors=True)
            return
        from claude_agent_sdk import project_key_for_directory  # noqa: PLC0415 - claude.sdk

        self.home.mkdir(exist_ok=True, mode=0o700)
        folder = projects / project_key_for_directory(self.repo)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.conversation}.jsonl").write_bytes(data)

    def _parse(self) -> Transcript:
        return transcript.read(self.conversation, self.repo, self.home)
