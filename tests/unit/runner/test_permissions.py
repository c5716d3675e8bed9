"""What is asked, what a person reads, what is allowed without asking."""

from typing import Any

import pytest

from moorage_runner.permissions.approval_ids import approval_id, request_hash, turn_of
from moorage_runner.permissions.rules import grant_of, is_allowed, updates_for
from moorage_runner.permissions.wording import diff, summary

REPO = "/workspace/repo"


@pytest.mark.parametrize(
    ("tool", "value", "sentence"),
    [
        ("Bash", {"command": "git push\n  origin"}, "Run: git push origin"),
        ("Bash", {"command": "ls", "description": "List"}, "Run: ls (List)"),
        ("Write", {"file_path": f"{REPO}/a/b.md"}, "Write the file a/b.md"),
        ("Edit", {"file_path": "/etc/passwd"}, "Edit the file /etc/passwd"),
        ("NotebookEdit", {"notebook_path": f"{REPO}/n.ipynb"}, "Edit the notebook n.ipynb"),
        ("WebFetch", {"url": "https://example.org"}, "Fetch https://example.org"),
        ("mcp__tides__high_water", {}, "Use high_water of the MCP server tides"),
        ("ExitPlanMode", {}, "Leave plan mode and carry out the plan"),
        ("Whatever", {}, "Use Whatever"),
    ],
)
def test_a_request_is_a_sentence(tool: str, value: dict[str, Any], sentence: str) -> None:
    assert summary(tool, value, REPO) == sentence


def test_a_long_command_is_cut() -> None:
    assert len(summary("Bash", {"command": "x" * 10_000}, REPO)) < 400


@pytest.mark.parametrize(
    ("tool", "value", "before", "changed"),
    [
        ("Write", {"content": "b\n"}, None, ["+b"]),
        ("Write", {"content": "b\n"}, "a\n", ["-a", "+b"]),
        ("Edit", {"old_string": "a", "new_string": "b"}, "a a\n", ["-a a", "+b a"]),
        (
            "Edit",
            {"old_string": "a", "new_string": "b", "replace_all": True},
            "a a\n",
            ["-a a", "+b b"],
        ),
        (
            "MultiEdit",
            {
                "edits": [
                    {"old_string": "a", "new_string": "b"},
                    {"old_string": "b", "new_string": "c"},
                ]
            },
            "a\n",
            ["-a", "+c"],
        ),
    ],
)
def test_a_diff(tool: str, value: dict[str, Any], before: str | None, changed: list[str]) -> None:
    text, cut = diff(tool, value, before, "f")
    assert text is not None
    assert not cut
    assert [line for line in text.splitlines()[3:] if line[0] in "+-"] == changed


def test_a_diff_of_nothing_and_of_too_much() -> None:
    assert diff("Bash", {"command": "ls"}, None, "f") == (None, False)
    assert diff("Write", {"content": 3}, None, "f") == (None, False)
    assert diff("Write", {"content": "x" * 2_000_000}, None, "f") == (None, True)
    text, cut = diff("Write", {"content": "x\n" * 400_000}, None, "f")
    assert cut
    assert text is not None
    assert len(text) <= 128 * 1024


def test_an_approval_id_says_which_request_it_is() -> None:
    digest = request_hash("Bash", {"a": 1, "b": [2]})
    assert digest == request_hash("Bash", {"b": [2], "a": 1})
    assert digest != request_hash("Bash", {"a": 2, "b": [2]})
    name = approval_id("uid:prompt", digest, 2)
    assert name == f"uid:prompt:{digest}:2"
    assert turn_of(name) == "uid:prompt"


@pytest.mark.parametrize(
    ("tool", "value", "grant"),
    [
        ("Bash", {"command": "make"}, ("Bash", "make")),
        ("Write", {"file_path": "/f"}, ("Edit", "/f")),
        ("Edit", {"file_path": "/f"}, ("Edit", "/f")),
        ("Read", {"file_path": "/f"}, ("Read", "/f")),
        ("WebFetch", {"url": "u"}, ("WebFetch", None)),
    ],
)
def test_a_grant_covers_little(tool: str, value: dict[str, Any], grant: tuple[str, str]) -> None:
    assert grant_of(tool, value) == grant


def test_a_grant_is_a_rule_for_claude_code() -> None:
    (update,) = updates_for(("Edit", "/f"))
    assert update.to_dict() == {
        "type": "addRules",
        "destination": "session",
        "rules": [{"toolName": "Edit", "ruleContent": "//f"}],
        "behavior": "allow",
    }


@pytest.mark.parametrize(
    ("rule", "tool", "command", "allowed"),
    [
        ("Bash", "Bash", "rm -rf /", True),
        ("Bash(*)", "Bash", "ls", True),
        ("Bash(git *)", "Bash", "git status", True),
        ("Bash(git *)", "Bash", "git", True),
        ("Bash(git:*)", "Bash", "git status", True),
        ("Bash(git:*)", "Bash", "github", False),
        ("Bash(make test)", "Bash", "make test", True),
        ("Bash(make test)", "Bash", "make", False),
        ("Bash(git *)", "Bash", "git status; rm -rf /", False),
        ("Bash(git *)", "Bash", "git $(rm -rf /)", False),
        ("Bash(git *)", "Bash", "git status\nrm -rf /", False),
        ("Bash(git *)", "Bash", "git log > /etc/passwd", False),
        ("Write", "Bash", "ls", False),
        ("Edit(a*)", "Edit", "", False),
        ("mcp__tides", "mcp__tides__high", "", True),
        ("mcp__tid", "mcp__tides__high", "", False),
        ("Bash(", "Bash", "ls", False),
    ],
)
def test_a_prompts_own_rules(rule: str, tool: str, command: str, *, allowed: bool) -> None:
    assert is_allowed(tool, {"command": command}, [rule]) is allowed
