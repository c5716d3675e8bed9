"""What is allowed without asking again. Pure.

A grant for the session covers as little as makes sense: of Bash the same command, of tools that
change a file the same file, of any other the tool.
"""

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from moorage_api.events import PermissionRequest

if TYPE_CHECKING:
    from claude_agent_sdk import PermissionUpdate

_FILE_TOOLS = {"Write": "file_path", "Edit": "file_path", "MultiEdit": "file_path"}
_FILE_TOOLS |= {"NotebookEdit": "notebook_path", "Read": "file_path"}
_RULE = re.compile(r"^([^()]+)(?:\((.*)\))?$", re.DOTALL)
_COMPOUND = re.compile(r"[;&|<>`$(){}\n\\]")

Grant = tuple[str, str | None]


def grant_of(tool: str, value: dict[str, Any]) -> Grant:
    """Return what "allow for the session" allows."""
    if tool == "Bash":
        return tool, str(value.get("command", ""))
    if tool in _FILE_TOOLS:
        kind = "Read" if tool == "Read" else "Edit"
        return kind, str(value.get(_FILE_TOOLS[tool], ""))
    return tool, None


def grant_of_request(request: PermissionRequest) -> Grant | None:
    """Return what a request would grant; None if its input was cut, so that it is not known."""
    return None if request.truncated else grant_of(request.tool, request.input)


def updates_for(grant: Grant) -> "list[PermissionUpdate]":
    """Return the same as rules for Claude Code, so that it does not even ask."""
    from claude_agent_sdk import PermissionUpdate  # noqa: PLC0415 - claude.sdk
    from claude_agent_sdk.types import PermissionRuleValue  # noqa: PLC0415 - claude.sdk

    tool, content = grant
    if content is not None and tool != "Bash":
        content = f"/{content}"  # in its rules //path is an absolute path
    rule = PermissionRuleValue(tool_name=tool, rule_content=content)
    return [
        PermissionUpdate(type="addRules", rules=[rule], behavior="allow", destination="session")
    ]


def is_allowed(tool: str, value: dict[str, Any], rules: list[str]) -> bool:
    """Whether a prompt's own list of rules allows this: Tool, Bash(words *), mcp__server.

    A command that is more than one, or substitutes anything, matches no pattern: what it does
    cannot be told from its beginning.
    """
    return any(_matches(tool, value, rule) for rule in rules)


def _matches(tool: str, value: dict[str, Any], rule: str) -> bool:
    match = _RULE.match(rule.strip())
    if match is None:
        return False
    name, pattern = match[1], match[2]
    if pattern is None or pattern in {"", "*"}:
        return tool == name or (name.startswith("mcp__") and tool.startswith(f"{name}__"))
    if tool != name or tool != "Bash":
        return False
    command = str(value.get("command", "")).strip()
    if _COMPOUND.search(command):
        return False
    if pattern.endswith(":*"):
        prefix = pattern[:-2]
        return command == prefix or command.startswith(f"{prefix} ")
    return fnmatchcase(command, pattern.replace("[", "[[]")) or (
        pattern.endswith(" *") and command == pattern[:-2]
    )
