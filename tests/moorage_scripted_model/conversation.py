"""A Messages request, read: what was said, by whom, and with which tools."""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)
_FILLED_IN = "No response requested."


class Message(BaseModel):
    """One message of a request; content is a text or a list of blocks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    role: str
    content: str | list[dict[str, Any]]

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The content as blocks, whichever way it was written."""
        if isinstance(self.content, str):
            return [{"type": "text", "text": self.content}]
        return self.content

    @property
    def is_answer(self) -> bool:
        """Whether the model wrote it: Claude Code fills in an answer of its own on resume."""
        texts = [block.get("text") for block in self.blocks]
        return self.role == "assistant" and texts != [_FILLED_IN]

    @property
    def user_texts(self) -> list[str]:
        """The texts of a user's message, without Claude Code's reminders."""
        if self.role != "user":
            return []
        texts = (block.get("text", "") for block in self.blocks if block.get("type") == "text")
        return [text for text in (_REMINDER.sub("", raw).strip() for raw in texts) if text]


class MessagesRequest(BaseModel):
    """The parts of a Messages request that matter here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    messages: tuple[Message, ...]
    system: str | list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] = []
    metadata: dict[str, Any] = {}
    stream: bool = False

    @property
    def last_user_text(self) -> str:
        """What the user said last."""
        for message in reversed(self.messages):
            if texts := message.user_texts:
                return texts[-1]
        return ""

    @property
    def is_search_only(self) -> bool:
        """Whether the only tool is the API's own web search, as in Claude Code's WebSearch."""
        types = {str(tool.get("type", "")) for tool in self.tools}
        return bool(types) and all(kind.startswith("web_search") for kind in types)

    @property
    def tool_result(self) -> str:
        """The text of the last tool result in the request, without Claude Code's reminders."""
        for message in reversed(self.messages):
            for block in reversed(message.blocks):
                if block.get("type") == "tool_result":
                    return _REMINDER.sub("", "\n".join(_texts(block.get("content")))).strip()
        return ""

    def assistants_after(self, index: int) -> int:
        """Count the model's answers after the message at this index."""
        return sum(message.is_answer for message in self.messages[index + 1 :])

    def text_length(self) -> int:
        """Count the characters the model would have read."""
        parts = [self.system, self.tools, [message.content for message in self.messages]]
        return len(json.dumps(parts, ensure_ascii=False, separators=(",", ":")))


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for block in content:
            if isinstance(block, dict) and isinstance(block.get("text"), str):
                yield block["text"]
