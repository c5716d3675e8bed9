"""How Claude Code is started: the SDK's options from a session's spec. Pure."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid5

from moorage_api.resources import SessionSpec
from moorage_api.resources.parts import Claude as ClaudeSpec
from moorage_api.resources.parts import McpServer
from moorage_runner.settings import CREDENTIALS, RunnerSettings
from moorage_runner.workspace import Workspace

if TYPE_CHECKING:
    from claude_agent_sdk import ClaudeAgentOptions

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The longest line the CLI may print: results of tools come in one, some megabytes at times."""

CLI_RETRIES = 2
"""How often the CLI asks the model again by itself before the runner takes over."""

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
    program: Path | None = None
    """What starts Claude Code; None: the one that the SDK brings."""
    add_dirs: tuple[Path, ...] = ()


def build_options(
    settings: RunnerSettings, spec: SessionSpec, conversation: Conversation
) -> "ClaudeAgentOptions":
    """Return the SDK's options, without callbacks."""
    from claude_agent_sdk import ClaudeAgentOptions  # noqa: PLC0415 - claude.sdk

    claude, workspace = spec.claude, Workspace(settings.workspace)
    prompt: dict[str, Any] = {"type": "preset", "preset": "claude_code"}
    if claude.append_system_prompt:
        prompt["append"] = claude.append_system_prompt
    return ClaudeAgentOptions(
        cwd=workspace.repo,
        add_dirs=list(conversation.add_dirs),
        env=settings.launcher.environment(
            _environment(settings, claude, workspace, is_root=conversation.is_root)
        ),
        cli_path=settings.cli_path or conversation.program,
        resume=conversation.id if conversation.resume else None,
        session_id=None if conversation.resume else conversation.id,
        system_prompt=cast("Any", prompt),
        setting_sources=["user", "project", "local"],
        model=conversation.model,
        fallback_model=claude.fallback_model,
        permission_mode=cast("Any", conversation.permission_mode),
        # Without it a session could not be switched to bypassPermissions later.
        extra_args={"allow-dangerously-skip-permissions": None},
        allowed_tools=list(claude.allowed_tools),
        disallowed_tools=list(claude.disallowed_tools),
        max_turns=claude.max_turns,
        max_budget_usd=conversation.remaining_usd,
        mcp_servers=cast("Any", {k: _mcp_server(v) for k, v in claude.mcp_servers.items()}),
        include_partial_messages=True,
        forward_subagent_text=True,
        max_buffer_size=MAX_MESSAGE_BYTES,
    )


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
