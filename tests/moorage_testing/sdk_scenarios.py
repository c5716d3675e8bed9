"""The scenarios that record_sdk plays: prompts with their scripts, and what is done meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from moorage_scripted_model import (
    Citation,
    Cut,
    Fail,
    SearchResult,
    Step,
    Text,
    Thinking,
    ToolUse,
    WebSearch,
    script_prompt,
)

STARTED = "started"
"""A file that a slow tool makes, so that the player knows that it runs."""


@dataclass(frozen=True)
class Scenario:
    """What is asked, with which options, and what happens in the middle of it."""

    prompts: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    permission: Literal["allow", "deny", "wait"] | None = None
    interference: Literal["interrupt", "kill"] | None = None
    at: Literal["text", "tool", "permission"] = "text"
    after: str | None = None
    """The scenario that is played before, in the same conversation."""


def _bash(command: str) -> ToolUse:
    return ToolUse(name="Bash", input={"command": command, "description": "Run it"})


def _asked(*steps: Step, **options: Any) -> Scenario:
    return Scenario((script_prompt(steps, "Please do it."),), **options)


def _failing(status: int, times: int = 99, **options: Any) -> Scenario:
    step = Step.of(Text(text="Fine now."), fail=Fail(status=status, times=times))
    return _asked(step, **options)


def _cut(how: Literal["close", "error"], times: int, **options: Any) -> Scenario:
    cut = Cut(after_deltas=3, times=times, how=how)
    return _asked(Step.of(Text(text="All hands on deck. " * 8), pause_ms=5, cut=cut), **options)


_ONE_RETRY = {"CLAUDE_CODE_MAX_RETRIES": "1"}
_ASKS = {"permission_mode": "default"}
_SLOW_TEXT = Step.of(Text(text="tick " * 100), chunk=10, pause_ms=50)
_SLOW_TOOL = Step.of(Text(text="I start."), _bash(f"touch {STARTED}; sleep 30; echo over"))
_RESULT = Step.of(Text(text="The tool said: {tool_result}"))
_WRITE = ToolUse(name="Write", input={"file_path": "notes.md", "content": "one\ntwo\n"})
_READ = ToolUse(name="Read", input={"file_path": "README.md"})
_EDIT = ToolUse(
    name="Edit",
    input={"file_path": "README.md", "old_string": "# Harbour", "new_string": "# Port"},
)
_HIT = SearchResult(url="https://example.org/knots", title="Knots", page_age="May 2025")
_CITED = Text(
    text="A bowline holds.",
    citations=(Citation(url=_HIT.url, title=_HIT.title, cited_text="bowline"),),
)
_SUBAGENT = ToolUse(
    name="Agent",
    input={
        "description": "Look around",
        "prompt": script_prompt(
            [
                Step.of(Thinking(thinking="I look."), Text(text="Looking."), _bash("echo inner")),
                Step.of(Text(text="The subagent saw: {tool_result}")),
            ],
            "Look around.",
        ),
        "subagent_type": "general-purpose",
        "run_in_background": False,
    },
)

SCENARIOS: dict[str, Scenario] = {
    "text": _asked(Step.of(Text(text="Hello from the scripted model. " * 4))),
    "thinking": _asked(Step.of(Thinking(thinking="Let me think. " * 6), Text(text="Thought."))),
    "bash": _asked(Step.of(Text(text="I run it."), _bash("echo moored")), _RESULT),
    "bash_failed": _asked(Step.of(_bash("echo broken >&2; exit 3")), _RESULT),
    "two_tools_at_once": _asked(Step.of(_bash("echo one"), _bash("echo two")), _RESULT),
    "permission_allowed": _asked(
        Step.of(_WRITE), Step.of(_READ), Step.of(_EDIT), _RESULT, permission="allow", options=_ASKS
    ),
    "permission_denied": _asked(Step.of(_WRITE), _RESULT, permission="deny", options=_ASKS),
    "several_turns": Scenario(
        (
            script_prompt([Step.of(Text(text="First answer."))], "First."),
            script_prompt([Step.of(_bash("echo second")), _RESULT], "Second."),
            script_prompt([Step.of(Text(text="Third answer."))], "Third."),
        )
    ),
    "long_output": _asked(Step.of(Text(text="All work and no play. ", repeat=900), chunk=400)),
    "retried": _failing(529, times=2),
    "failed_429": _failing(429, env=_ONE_RETRY),
    "failed_529": _failing(529, env=_ONE_RETRY),
    "failed_500": _failing(500, env=_ONE_RETRY),
    "failed_401": _failing(401, env=_ONE_RETRY),
    "failed_then_continued": Scenario(
        (
            script_prompt([Step.of(Text(text="Fine now."), fail=Fail(status=529, times=2))]),
            "Please continue.",
        ),
        env=_ONE_RETRY,
    ),
    "cut_once": _cut("close", 1),
    "cut_always": _cut("close", 99, env=_ONE_RETRY),
    "error_in_stream": _cut("error", 1),
    "network_down": Scenario(
        ("Hello?",), env={**_ONE_RETRY, "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    ),
    "interrupted_text": _asked(_SLOW_TEXT, interference="interrupt", at="text"),
    "interrupted_tool": _asked(_SLOW_TOOL, interference="interrupt", at="tool"),
    "interrupted_permission": _asked(
        Step.of(_WRITE), permission="wait", interference="interrupt", at="permission", options=_ASKS
    ),
    "web_search": _asked(
        Step.of(ToolUse(name="WebSearch", input={"query": "knots"})),
        Step.of(WebSearch(query="knots", results=(_HIT,)), _CITED),
    ),
    "subagent": _asked(
        Step.of(_SUBAGENT),
        Step.of(Text(text="It is done.")),
        options={"forward_subagent_text": True},
    ),
    "max_turns": _asked(Step.of(_bash("echo one")), _RESULT, options={"max_turns": 1}),
    "budget_reached": _asked(
        Step.of(_bash("echo one")), _RESULT, options={"max_budget_usd": 0.001}
    ),
    "killed_in_tool": _asked(_SLOW_TOOL, _RESULT, interference="kill", at="tool"),
    "resumed_after_kill": Scenario(("Please continue.",), after="killed_in_tool"),
}
