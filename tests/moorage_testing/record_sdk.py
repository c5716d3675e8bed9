"""Records what the real Claude Code says: `python -m moorage_testing.record_sdk [NAME...]`.

Owns tests/fixtures/sdk_messages: each file holds the messages of one scenario, one JSON object
a line, as claude_agent_sdk's parse_message takes them. The CLI is real, the model is scripted,
the repository is a new one of one commit. Paths of this machine become /workspace and
/home/agent, the model's address 127.0.0.1:8000; ids and times are those of the run.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    PermissionResultAllow,
    PermissionResultDeny,
    ProcessError,
    ToolPermissionContext,
)
from claude_agent_sdk._internal.transport.subprocess_cli import SubprocessCLITransport

from moorage_scripted_model import RunningModel, running_model
from moorage_testing.sdk_scenarios import SCENARIOS, STARTED, Scenario

Json = dict[str, Any]
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "sdk_messages"
_NOT_FOR_THE_PARSER = {
    "control_request",
    "control_response",
    "control_cancel_request",
    "transcript_mirror",
    "keep_alive",
}


class RecordingTransport(SubprocessCLITransport):
    """Runs the CLI and keeps every message it prints."""

    def __init__(self, options: ClaudeAgentOptions) -> None:
        super().__init__(prompt=_nothing(), options=options)
        self.messages: list[Json] = []
        self.is_idle = True

    def read_messages(self) -> AsyncIterator[Json]:
        """Give the messages, as the SDK's own transport does."""
        return self._recorded()

    async def _recorded(self) -> AsyncIterator[Json]:
        async for message in super().read_messages():
            if message.get("subtype") == "session_state_changed":
                self.is_idle = message["state"] == "idle"
            if not _is_internal(message):
                self.messages.append(message)
            yield message

    def kill(self) -> None:
        """End the CLI as an out-of-memory killer would."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)


def _is_internal(message: Json) -> bool:
    """Whether the SDK keeps this message to itself."""
    return message.get("type") in _NOT_FOR_THE_PARSER or message.get("sdk_host_only") is True


async def _nothing() -> AsyncIterator[Json]:
    empty: tuple[Json, ...] = ()
    for message in empty:
        yield message


@dataclass(frozen=True)
class Stage:
    """Where a scenario plays: a repository, a home and a model of its own."""

    model: RunningModel
    root: Path
    session: str = field(default_factory=lambda: str(uuid4()))

    @property
    def workspace(self) -> Path:
        """The repository Claude Code works in."""
        return self.root / "workspace"

    @property
    def home(self) -> Path:
        """An empty home directory."""
        return self.root / "home"

    def prepare(self) -> None:
        """Make the directories and the first commit."""
        self.home.mkdir()
        self.workspace.mkdir()
        (self.workspace / "README.md").write_text("# Harbour\n")
        author = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
        for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "First"]):
            subprocess.run(["git", *author, *command], cwd=self.workspace, check=True)

    def options(self, scenario: Scenario) -> ClaudeAgentOptions:
        """Give the options of this scenario."""
        environment = {**self.model.environment(self.home), "IS_SANDBOX": "1", **scenario.env}
        settings: Json = {"permission_mode": "bypassPermissions", "session_id": self.session}
        if scenario.after:
            settings |= {"session_id": None, "resume": self.session}
        return ClaudeAgentOptions(
            cwd=self.workspace,
            env=environment,
            model="claude-sonnet-4-5",
            include_partial_messages=True,
            **{**settings, **scenario.options},
        )


class Player:
    """Plays one scenario in one CLI process."""

    def __init__(self, scenario: Scenario, stage: Stage) -> None:
        self._scenario = scenario
        self._stage = stage
        self._asked = asyncio.Event()
        options = stage.options(scenario)
        if scenario.permission:
            asking = replace(options, permission_prompt_tool_name="stdio")
            options = replace(options, can_use_tool=self._decide)
            self._transport = RecordingTransport(asking)
        else:
            self._transport = RecordingTransport(options)
        self._client = ClaudeSDKClient(options, self._transport)

    async def play(self) -> list[Json]:
        """Send the prompts one after the other and give what the CLI said."""
        await self._client.connect()
        try:
            for prompt in self._scenario.prompts:
                await self._client.query(prompt)
                await asyncio.gather(self._interfere(), self._until_result())
            await self._until(lambda: self._transport.is_idle)
        except ProcessError:
            if self._scenario.interference != "kill":
                raise
        finally:
            await self._client.disconnect()
        return self._transport.messages

    async def _until_result(self) -> None:
        async for _ in self._client.receive_response():
            pass

    async def _interfere(self) -> None:
        scenario = self._scenario
        if scenario.interference is None:
            return
        await self._until(self._is_time)
        if scenario.interference == "kill":
            self._transport.kill()
        else:
            await self._client.interrupt()

    def _is_time(self) -> bool:
        match self._scenario.at:
            case "tool":
                return (self._stage.workspace / STARTED).exists()
            case "permission":
                return self._asked.is_set()
            case "text":
                events = [m.get("event", {}).get("type") for m in self._transport.messages]
                return events.count("content_block_delta") > 3

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - a file and another thread's list: polled
                await asyncio.sleep(0.01)

    async def _decide(
        self, _: str, __: Json, ___: ToolPermissionContext
    ) -> PermissionResultAllow | PermissionResultDeny:
        self._asked.set()
        match self._scenario.permission:
            case "deny":
                return PermissionResultDeny(message="Not on my boat.")
            case "wait":
                await asyncio.Event().wait()
        return PermissionResultAllow()


def record(name: str, model: RunningModel) -> list[str]:
    """Play a scenario, after the one it follows, and give the fixture's lines."""
    scenario = SCENARIOS[name]
    with TemporaryDirectory(prefix="moorage-record-", ignore_cleanup_errors=True) as directory:
        stage = Stage(model, Path(directory))
        stage.prepare()
        if scenario.after:
            asyncio.run(Player(SCENARIOS[scenario.after], stage).play())
        messages = asyncio.run(Player(scenario, stage).play())
        return [_anonymous(json.dumps(message), stage) for message in messages]


def _anonymous(line: str, stage: Stage) -> str:
    """Take this machine's names out of a line."""
    for path, name in ((stage.workspace, "/workspace"), (stage.home, "/home/agent")):
        line = line.replace(str(path), name).replace(_slug(str(path)), _slug(name))
    line = re.sub(r"/tmp/cc-socks/\d+", "/tmp/cc-socks/1", line)
    return line.replace(stage.model.url.removeprefix("http://"), "127.0.0.1:8000")


def _slug(path: str) -> str:
    """Name a path as Claude Code names its project folders."""
    return re.sub(r"[^a-zA-Z0-9]", "-", path)


def main() -> None:
    """Record the scenarios named, or all."""
    parser = argparse.ArgumentParser(prog="moorage_testing.record_sdk", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCENARIOS))
    names = parser.parse_args().names or list(SCENARIOS)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    with running_model() as model:
        for name in names:
            lines = record(name, model)
            text = "".join(f"{line}\n" for line in lines)
            (FIXTURES / f"{name}.jsonl").write_text(text)
            print(f"{name}: {len(lines)} messages, {len(text):,} bytes", flush=True)


if __name__ == "__main__":
    main()
