"""What stands in for parts of claude_agent_sdk is what the SDK itself would do."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    PermissionResultAllow,
    ProcessError,
    Transport,
)

from moorage_api.resources import SessionSpec
from moorage_runner.claude import sdk
from moorage_runner.claude.command import Conversation, build_command
from moorage_runner.claude.pipes import ClaudeExitedError, Pipes
from moorage_runner.settings import RunnerSettings

CLAUDES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "everything": {
        "appendSystemPrompt": "Be brief.",
        "allowedTools": ["Read", "Bash(git log:*)"],
        "disallowedTools": ["WebFetch"],
        "maxTurns": 7,
        "model": "m",
        "fallbackModel": "n",
        "mcpServers": {"tides": {"command": "tides"}, "far": {"type": "http", "url": "u"}},
        "env": {"TZ": "UTC", "CLAUDE_CODE_ENTRYPOINT": "theirs"},
    },
}
SERVERS: Any = {
    "tides": {"type": "stdio", "command": "tides", "args": [], "env": {}},
    "far": {"type": "http", "url": "u"},
}


@pytest.fixture
def settings(tmp_path: Path) -> RunnerSettings:
    (tmp_path / "repo").mkdir()
    (tmp_path / "home").mkdir()
    return RunnerSettings.model_validate(
        {
            "MOORAGE_SESSION_ID": "s",
            "MOORAGE_SESSION_SPEC": "/spec.json",
            "MOORAGE_REDIS_URL": "redis://h",
            "MOORAGE_WORKSPACE": str(tmp_path),
            "ANTHROPIC_BASE_URL": "http://proxy",
            "ANTHROPIC_AUTH_TOKEN": "token",
        }
    )


@pytest.fixture
def telling(tmp_path: Path) -> Path:
    """A program that writes down how it was started, and fails."""
    program = tmp_path / "claude"
    told = tmp_path / "told.json"
    lines = [
        f"#!{sys.executable} -IS",
        "import json, os, sys",
        "told = [sys.argv, dict(os.environ), os.getcwd()]",
        f"open({str(told)!r}, 'w').write(json.dumps(told))",
        "sys.exit(3)",
    ]
    program.write_text("\n".join(lines) + "\n")
    program.chmod(0o755)
    return program


def told_by(program: Path) -> Any:
    return json.loads(program.with_name("told.json").read_text())


@pytest.mark.parametrize("given", CLAUDES.values(), ids=CLAUDES)
@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.filterwarnings("ignore::claude_agent_sdk.CanUseToolShadowedWarning")
async def test_claude_code_is_started_as_the_sdk_would_start_it(
    settings: RunnerSettings,
    telling: Path,
    given: dict[str, Any],
    resume: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    monkeypatch.setenv("CLAUDE_AGENT_SDK_DERIVED_CLIENT_APP", "other")
    spec = SessionSpec.model_validate({"repository": {"url": "https://x/y"}, "claude": given})
    claude = spec.claude
    conversation = Conversation(
        id="id",
        resume=resume,
        permission_mode="plan",
        model=claude.model,
        remaining_usd=1.5 if given else None,
        is_root=os.geteuid() == 0,
        program=telling,
        sdk_version=sdk.version(),
        add_dirs=(settings.workspace / "extra",) if given else (),
    )
    command = build_command(settings, spec, conversation)

    pipes = await Pipes.open(command, lambda _: None)
    with pytest.raises(ClaudeExitedError):
        [message async for message in pipes.read_messages()]
    await pipes.close()
    ours = told_by(telling)

    async def allow(*_: object) -> PermissionResultAllow:
        return PermissionResultAllow()

    prompt: Any = {"type": "preset", "preset": "claude_code"}
    if claude.append_system_prompt:
        prompt["append"] = claude.append_system_prompt
    options = ClaudeAgentOptions(
        cwd=settings.workspace / "repo",
        add_dirs=list(conversation.add_dirs),
        env={
            name: value
            for name, value in command.environment.items()
            if name not in {"CLAUDE_CODE_SDK_READS_SESSION_STATE", "PWD"}
        },
        cli_path=telling,
        resume="id" if resume else None,
        session_id=None if resume else "id",
        system_prompt=prompt,
        setting_sources=["user", "project", "local"],
        model=claude.model,
        fallback_model=claude.fallback_model,
        permission_mode="plan",
        extra_args={"allow-dangerously-skip-permissions": None},
        allowed_tools=list(claude.allowed_tools),
        disallowed_tools=list(claude.disallowed_tools),
        max_turns=claude.max_turns,
        max_budget_usd=conversation.remaining_usd,
        mcp_servers=SERVERS if given else {},
        include_partial_messages=True,
        forward_subagent_text=True,
        can_use_tool=allow,
    )
    with pytest.raises(ProcessError):
        await ClaudeSDKClient(options).connect()
    assert ours == told_by(telling)


def test_the_sdk_asks_for_nothing_that_pipes_have_not() -> None:
    assert Transport.__abstractmethods__ <= set(dir(Pipes))
