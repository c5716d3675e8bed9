"""What a person reads before they decide: a sentence, and for changes of files a diff. Pure."""

import difflib
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

_COMMAND = 300
_MAX_DIFF = 128 * 1024
_MAX_SOURCE = 1024 * 1024


def summary(tool: str, value: Json, repo: str) -> str:
    """Return what is asked for, as a sentence."""
    sentence = _SENTENCES.get(tool)
    if sentence:
        return sentence(value, repo)
    if tool.startswith("mcp__"):
        server, _, name = tool.removeprefix("mcp__").partition("__")
        return f"Use {name or 'a tool'} of the MCP server {server}"
    return f"Use {tool}"


def file_of(tool: str, value: Json) -> str | None:
    """Return the file that a use of a tool changes, if that is what it does."""
    path = value.get("file_path") if tool in {"Write", "Edit", "MultiEdit"} else None
    return path if isinstance(path, str) else None


def diff(tool: str, value: Json, before: str | None, name: str) -> tuple[str | None, bool]:
    """Return what a use of a tool changes as a unified diff, and whether it was cut.

    `before` is the file as it is, None if there is none (or none that is text).
    """
    after = _after(tool, value, before or "")
    if after is None or len(after) > _MAX_SOURCE or len(before or "") > _MAX_SOURCE:
        return None, after is not None
    lines = difflib.unified_diff(
        (before or "").splitlines(keepends=True),
        after.splitlines(keepends=True),
        fromfile=f"a/{name}" if before is not None else "/dev/null",
        tofile=f"b/{name}",
    )
    text = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline\n" for line in lines)
    return (text[:_MAX_DIFF] or None), len(text) > _MAX_DIFF


def _after(tool: str, value: Json, before: str) -> str | None:
    if tool == "Write":
        content = value.get("content")
        return content if isinstance(content, str) else None
    edits = value.get("edits") if tool == "MultiEdit" else [value]
    if tool not in {"Edit", "MultiEdit"} or not isinstance(edits, list):
        return None
    for edit in edits:
        before = _edited(edit, before) if isinstance(edit, dict) else before
    return before


def _edited(edit: Json, text: str) -> str:
    old, new = str(edit.get("old_string", "")), str(edit.get("new_string", ""))
    if not old:
        return text or new
    return text.replace(old, new) if edit.get("replace_all") else text.replace(old, new, 1)


def _bash(value: Json, _: str) -> str:
    command = " ".join(str(value.get("command", "")).split())
    about = value.get("description")
    reason = f" ({about})" if isinstance(about, str) and about else ""
    return f"Run: {_cut(command, _COMMAND)}{_cut(reason, _COMMAND)}"


def _path(verb: str, field: str = "file_path") -> Callable[[Json, str], str]:
    def sentence(value: Json, repo: str) -> str:
        return f"{verb} {_cut(relative(str(value.get(field, 'a file')), repo), _COMMAND)}"

    return sentence


def _plan(_: Json, __: str) -> str:
    return "Leave plan mode and carry out the plan"


def relative(path: str, repo: str) -> str:
    """Return a path as people in the repository know it."""
    return path.removeprefix(repo.rstrip("/") + "/")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}\u2026"


_SENTENCES: dict[str, Callable[[Json, str], str]] = {
    "Bash": _bash,
    "Write": _path("Write the file"),
    "Edit": _path("Edit the file"),
    "MultiEdit": _path("Edit the file"),
    "NotebookEdit": _path("Edit the notebook", "notebook_path"),
    "Read": _path("Read the file"),
    "WebFetch": _path("Fetch", "url"),
    "WebSearch": _path("Search the web for", "query"),
    "ExitPlanMode": _plan,
}
