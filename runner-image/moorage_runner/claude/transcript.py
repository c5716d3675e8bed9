"""What Claude Code wrote down of the conversation: which prompts it has, and what came of the last.

`read` touches the disk; the rest is pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moorage_runner.resume import CONTINUATION, RETRY

if TYPE_CHECKING:
    from claude_agent_sdk import SessionMessage

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation's messages, oldest first."""

    messages: "tuple[SessionMessage, ...]" = ()

    @property
    def exists(self) -> bool:
        """Whether there is a conversation to resume."""
        return bool(self.messages)

    def holds(self, prompt_id: str) -> bool:
        """Whether it has this prompt."""
        return any(message.uuid == prompt_id for message in self.messages)

    def after(self, prompt_id: str) -> "list[SessionMessage]":
        """Return what follows a prompt (the last one that was worked on)."""
        position = next(i for i, message in enumerate(self.messages) if message.uuid == prompt_id)
        return list(self.messages[position + 1 :])

    def is_answered(self, prompt_id: str) -> bool:
        """Whether the answer to the last prompt is whole: nothing is left to continue."""
        rest = self.after(prompt_id)
        if not rest or not _is_answer(rest[-1]):
            return False
        return _body(rest[-1]).get("stop_reason") not in {None, "tool_use"}

    def is_last(self, prompt_id: str) -> bool:
        """Whether no other prompt follows this one (what we nudged it with is none)."""
        return not any(_is_prompt(entry) for entry in self.after(prompt_id))

    def answers(self, prompt_id: str) -> "list[list[SessionMessage]]":
        """Return the model's messages after a prompt, each with the tool results that follow it.

        A message stands there as several entries, one for each block.
        """
        groups: list[list[SessionMessage]] = []
        last_id = None
        for entry in self.after(prompt_id):
            if _is_answer(entry):
                api_id = _body(entry).get("id")
                if not groups or api_id != last_id:
                    groups.append([])
                last_id = api_id
                groups[-1].append(entry)
            elif groups and entry.type == "user":
                groups[-1].append(entry)
        return groups


def read(conversation_id: str, repo: Path, home: Path) -> Transcript:
    """Read a conversation; CLAUDE_CONFIG_DIR says where. None written: an empty one.

    A file without a single message can neither be resumed nor begun again: it goes.
    """
    files = list((home / ".claude" / "projects").glob(f"*/{conversation_id}.jsonl"))
    if not files:
        return Transcript()
    from claude_agent_sdk import get_session_messages  # noqa: PLC0415 - claude.sdk

    try:
        messages = get_session_messages(conversation_id, directory=str(repo))
    except (OSError, ValueError):
        messages = []
    if not messages:
        for file in files:
            file.unlink(missing_ok=True)
    return Transcript(tuple(messages))


def as_frames(entries: "list[SessionMessage]", known_results: frozenset[str]) -> Iterator[Json]:
    """Return entries as the CLI would have printed them, without results that are known."""
    for entry in entries:
        body = _body(entry)
        if entry.type == "user":
            content = body.get("content")
            blocks = content if isinstance(content, list) else []
            unknown = [
                block
                for block in blocks
                if isinstance(block, dict) and block.get("tool_use_id") not in known_results
            ]
            body = {**body, "content": unknown}
        yield {"type": entry.type, "message": body, "parent_tool_use_id": None}


def _is_prompt(entry: "SessionMessage") -> bool:
    content = _body(entry).get("content")
    if entry.type != "user" or not isinstance(content, str):
        return False
    return content not in {CONTINUATION, RETRY}


def _is_answer(entry: "SessionMessage") -> bool:
    """Whether the model said it: Claude Code fills in answers of its own for errors and gaps."""
    return entry.type == "assistant" and _body(entry).get("model") != "<synthetic>"


def _body(entry: "SessionMessage") -> Json:
    return entry.message if isinstance(entry.message, dict) else {}
