"""One assistant message in the making."""

from dataclasses import dataclass, field
from typing import Any

from moorage_api.events import MessageStopData, ToolCall
from moorage_runner.translate.limits import (
    MAX_CALLS_BYTES,
    MAX_TEXT_BYTES,
    MAX_THINKING_BYTES,
    shorten,
    shorten_input,
)


def is_high_surrogate(character: str) -> bool:
    """Whether it is the first half of a character that JavaScript counts as two."""
    return "\ud800" <= character <= "\udbff"


@dataclass(slots=True)
class Draft:
    """What is known of a message so far.

    `streamed`: it comes as stream events, so it ends with one; else as whole blocks, so it ends
    when something else comes.
    """

    message_id: str
    number: int
    turn_id: str
    api_id: str
    streamed: bool
    model: str | None = None
    parent: str | None = None
    stop_reason: str | None = None
    blocks: int = 0
    _texts: list[str] = field(default_factory=list)
    _thinking: list[str] = field(default_factory=list)
    _calls: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    _held: dict[int, str] = field(default_factory=dict)

    def add_text(self, index: int, text: str) -> str:
        """Take a piece of text; return what of it can be shown now.

        A character cut in two by the stream is held until its second half comes.
        """
        text = self._held.pop(index, "") + text
        if text and is_high_surrogate(text[-1]):
            self._held[index] = text[-1]
            text = text[:-1]
        self._texts.append(text)
        return text

    def add_thinking(self, text: str) -> None:
        """Take a piece of thinking."""
        self._thinking.append(text)

    def add_call(self, use_id: str, name: str, value: dict[str, Any]) -> bool:
        """Take a use of a tool; return whether it is new."""
        new = use_id not in self._calls
        self._calls[use_id] = (name, value)
        return new

    def finished(self, claude_session_id: str | None) -> MessageStopData:
        """Return the whole message."""
        held = "".join(self._held.values())
        content, text_cut = shorten("".join(self._texts) + held, MAX_TEXT_BYTES)
        thinking, thinking_cut = shorten("".join(self._thinking), MAX_THINKING_BYTES)
        calls, calls_cut = self._shortened_calls()
        return MessageStopData(
            message_id=self.message_id,
            role="assistant",
            turn_id=self.turn_id,
            content=content,
            thinking=thinking or None,
            tool_calls=calls,
            model=self.model,
            stop_reason=self.stop_reason,
            claude_session_id=claude_session_id,
            parent_tool_use_id=self.parent,
            truncated=text_cut or thinking_cut or calls_cut,
        )

    def _shortened_calls(self) -> tuple[list[ToolCall], bool]:
        share = MAX_CALLS_BYTES // max(1, len(self._calls))
        calls, any_cut = [], False
        for use_id, (name, value) in self._calls.items():
            shown, cut = shorten_input(value, share)
            any_cut = any_cut or cut
            calls.append(ToolCall(id=use_id, name=name, input=shown))
        return calls, any_cut
