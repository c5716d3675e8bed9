"""The command that starts Claude Code, from a session's spec. Pure.

It is the one that the SDK would make of the same, word by word: a test compares them, so a new SDK
that starts it otherwise is noticed. It is made here because the SDK is slow to import (claude.sdk).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from moorage_api.resources import SessionSpec
from moorage_api.resources.parts import Claude as ClaudeSpec
from moorage_api.resources.parts import McpServer
from moorage_runner.settings import CREDENTIALS, RunnerSettings
from moorage_runner.workspace import Workspace

CLI_RETRIES = 2
"""How often the CLI asks the model again by itself before the runner takes over."""

_READS_STATE = "CLAUDE_CODE_SDK_READS_SESSION_STATE"
_NAMESPACE = UUID("6d6f6f72-6167-4e65-8000-6d6f6f726167")


def conversation_id(session_id: str) -> str:
    """Return the id of a session's conversation, known before it begins."""
    return str(uuid5(_NAMESPACE, f"session {session_id}"))


def prompt_id(session_id: str, turn_id: str) -> str:
    """Return the id that a prompt has in the transcript: it is found there after a crash."""
    return str(uuid5(_NAMESPACE, f"prompt {session_id} {turn_id}"))


@dataclass(frozen=True, slots=True)
class Conversation:
    """What may differ from one start of Claude Code to the next within a session."""

    id: str
    resume: bool
    permission_mode: str
    model: str | None
    remaining_usd: float | None
    is_root: bool
    program: Path
    """What starts Claude Code."""
    sdk_version: str
    add_dirs: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """Claude Code, ready to be started."""

    words: tuple[str, ...]
    environment: Mapping[str, str]
    """What it gets beside the runner's own variables."""
    folder: Path


def build_command(
    settings: RunnerSettings, spec: SessionSpec, conversation: Conversation
) -> Command:
    """Return the command for a conversation."""
    workspace = Workspace(settings.workspace)
    given = settings.launcher.environment(
        _environment(settings, spec.claude, workspace, is_root=conversation.is_root)
    )
    environment = {
        "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
        **given,
        "CLAUDE_AGENT_SDK_VERSION": conversation.sdk_version,
        "PWD": str(workspace.repo),
    }
    if _READS_STATE not in map(str.upper, environment):
        environment[_READS_STATE] = "1"
    return Command(tuple(_words(spec.claude, conversation)), environment, workspace.repo)


def _words(claude: ClaudeSpec, conversation: Conversation) -> list[str]:
    old_or_new = "--resume" if conversation.resume else "--session-id"
    servers = {name: _mcp_server(server) for name, server in claude.mcp_servers.items()}
    return [
        *(str(conversation.program), "--output-format", "stream-json", "--verbose"),
        *_option("--append-system-prompt", claude.append_system_prompt or None),
        *_option("--allowedTools", ",".join(claude.allowed_tools) or None),
        *_option("--max-turns", claude.max_turns or None),
        *_option("--max-budget-usd", conversation.remaining_usd),
        *_option("--disallowedTools", ",".join(claude.disallowed_tools) or None),
        *_option("--model", conversation.model or None),
        *_option("--fallback-model", claude.fallback_model or None),
        *("--permission-prompt-tool", "stdio"),
        *("--permission-mode", conversation.permission_mode),
        f"{old_or_new}={conversation.id}",
        *(word for folder in conversation.add_dirs for word in ("--add-dir", str(folder))),
        *_option("--mcp-config", json.dumps({"mcpServers": servers}) if servers else None),
        "--include-partial-messages",
        "--setting-sources=user,project,local",
        # Without it a session could not be switched to bypassPermissions later.
        "--allow-dangerously-skip-permissions",
        *("--input-format", "stream-json"),
    ]


def _option(name: str, value: object) -> tuple[str, ...]:
    return () if value is None else (name, str(value))


def _environment(
    settings: RunnerSettings, claude: ClaudeSpec, workspace: Workspace, *, is_root: bool
) -> dict[str, str]:
    """Return the variables for Claude Code; the spec's come first, so they change none of ours."""
    ours = {
        "HOME": str(workspace.home),
        "CLAUDE_CONFIG_DIR": str(workspace.home / ".claude"),
        "ANTHROPIC_BASE_URL": settings.model_url,
        **settings.model_credentials,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        # The prompt is on disk before the model is asked: a kill cannot lose it half answered.
        "CLAUDE_CODE_EAGER_FLUSH": "1",
        "CLAUDE_CODE_MAX_RETRIES": str(CLI_RETRIES),
    }
    if is_root:
        ours["IS_SANDBOX"] = "1"
    theirs = {name: value for name, value in claude.env.items() if name not in CREDENTIALS}
    return {**theirs, **ours}


def _mcp_server(server: McpServer) -> dict[str, Any]:
    if server.type == "stdio":
        return {
            "type": "stdio",
            "command": server.command,
            "args": list(server.args),
            "env": dict(server.env),
        }
    return {"type": server.type, "url": server.url}
