"""How Claude Code is started, and what a person sees of it."""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from moorage_api.events import ErrorData, ErrorEvent, MessageStopData, MessageStopEvent
from moorage_api.resources import SessionSpec
from moorage_runner.claude.command import Conversation, build_command, conversation_id, prompt_id
from moorage_runner.console import lines_of
from moorage_runner.settings import RunnerSettings

AT = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = RunnerSettings.model_validate(
    {
        "MOORAGE_SESSION_ID": "s",
        "MOORAGE_SESSION_SPEC": "/spec.json",
        "MOORAGE_REDIS_URL": "redis://u:redis-secret@h",
        "MOORAGE_WORKSPACE": "/w",
        "ANTHROPIC_BASE_URL": "http://proxy",
        "ANTHROPIC_AUTH_TOKEN": "token",
    }
)
SPEC = SessionSpec.model_validate(
    {
        "repository": {"url": "https://x/y"},
        "claude": {
            "env": {"HOME": "/elsewhere", "TZ": "UTC"},
            "appendSystemPrompt": "Be brief.",
            "mcpServers": {"tides": {"command": "tides"}, "far": {"type": "http", "url": "u"}},
            "allowedTools": ["Read"],
        },
    }
)


def conversation(*, resume: bool) -> Conversation:
    return Conversation("id", resume, "plan", "m", 1.5, True, Path("/bin/claude"), "1.2.3")


def words(*, resume: bool = False) -> list[str]:
    return list(build_command(SETTINGS, SPEC, conversation(resume=resume)).words)


def test_a_new_conversation_has_its_id_and_an_old_one_is_resumed() -> None:
    assert [w for w in words(resume=False) if w.endswith("=id")] == ["--session-id=id"]
    assert [w for w in words(resume=True) if w.endswith("=id")] == ["--resume=id"]


def test_claude_proves_itself_with_what_was_given_and_nothing_of_the_spec() -> None:
    spec = SPEC.model_copy(
        update={"claude": SPEC.claude.model_copy(update={"env": {"ANTHROPIC_API_KEY": "other"}})}
    )
    key = SETTINGS.model_copy(update={"auth_token": None, "api_key": SecretStr("key")})
    with_token = build_command(SETTINGS, spec, conversation(resume=False)).environment
    with_key = build_command(key, spec, conversation(resume=False)).environment
    assert with_token["ANTHROPIC_AUTH_TOKEN"] == "token"
    assert "ANTHROPIC_API_KEY" not in with_token
    assert with_key["ANTHROPIC_API_KEY"] == "key"
    assert "ANTHROPIC_AUTH_TOKEN" not in with_key


def test_where_the_agent_has_the_key_nothing_is_handed_to_it() -> None:
    own = SETTINGS.model_dump(by_alias=True, exclude={"auth_token"}, exclude_none=True)
    in_pod = {"MOORAGE_AGENT_SOCKET": "/run/agent.sock", "MOORAGE_CLAUDE_PATH": "/bin/claude"}
    settings = RunnerSettings.model_validate(own | in_pod)
    environment = build_command(settings, SPEC, conversation(resume=False)).environment
    assert environment["ANTHROPIC_BASE_URL"] == "http://proxy"
    assert not {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"} & environment.keys()


def test_the_spec_changes_no_variable_of_ours_and_no_secret_gets_in() -> None:
    command = build_command(SETTINGS, SPEC, conversation(resume=False))
    assert command.environment["HOME"] == "/w/home"
    assert command.environment["TZ"] == "UTC"
    assert command.environment["ANTHROPIC_AUTH_TOKEN"] == "token"
    assert command.environment["IS_SANDBOX"] == "1"
    assert "redis-secret" not in repr(command)
    assert not any("token" in word for word in command.words)


def test_the_spec_is_carried_over() -> None:
    command = build_command(SETTINGS, SPEC, conversation(resume=False))
    pairs = dict(itertools.pairwise(command.words))
    assert command.words[0] == "/bin/claude"
    assert command.folder == Path("/w/repo")
    assert pairs["--append-system-prompt"] == "Be brief."
    assert json.loads(pairs["--mcp-config"]) == {
        "mcpServers": {
            "tides": {"type": "stdio", "command": "tides", "args": [], "env": {}},
            "far": {"type": "http", "url": "u"},
        }
    }
    assert (pairs["--permission-mode"], pairs["--model"]) == ("plan", "m")
    assert pairs["--max-budget-usd"] == "1.5"
    assert pairs["--allowedTools"] == "Read"


def test_ids_are_known_before_anything_runs() -> None:
    assert conversation_id("s") == conversation_id("s") != conversation_id("t")
    assert prompt_id("s", "p") == prompt_id("s", "p") != prompt_id("s", "q")


def test_what_is_printed_is_bounded_and_steers_no_terminal() -> None:
    data = MessageStopData(message_id="p", role="user", turn_id="p", content="a\x1b[2Jb\nc")
    assert lines_of(MessageStopEvent(timestamp=AT, data=data), "/w/repo") == [
        "> a\ufffd[2Jb",
        "> c",
    ]
    long = data.model_copy(update={"content": "x" * 9_000 + "\n" * 999})
    lines = lines_of(MessageStopEvent(timestamp=AT, data=long), "/w/repo")
    assert max(map(len, lines)) <= 2_002
    assert len(lines) <= 201
    error = ErrorEvent(timestamp=AT, data=ErrorData(code="X", message="It failed."))
    assert lines_of(error, "/w/repo") == ["- It failed."]
