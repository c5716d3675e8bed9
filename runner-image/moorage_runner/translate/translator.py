"""Follows a conversation message by message and says which events it makes."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from moorage_api.events import (
    MAX_RESULT_CHARS,
    ErrorData,
    ErrorEvent,
    Event,
    MessageStartData,
    MessageStartEvent,
    MessageStopEvent,
    SystemEvent,
    ToolResultData,
    ToolResultEvent,
    ToolUseData,
    ToolUseEvent,
)
from moorage_runner.translate.blocks import block_delta, block_started, whole_block
from moorage_runner.translate.content import (
    blocks_of,
    plain,
    text_of,
    tool_input,
)
from moorage_runner.translate.draft import Draft
from moorage_runner.translate.limits import (
    MAX_INPUT_BYTES,
    shorten_characters,
    shorten_input,
)
from moorage_runner.translate.system import system_data

Json = dict[str, Any]

INTERRUPTED = "interrupted"
"""The stop reason of a message that somebody ended; what there is of it counts."""

_CUT_OFF = "abandoned_blocks"


class Translator:
    """Turns the CLI's messages into events, in order. Holds the state of one conversation.

    Messages of the main conversation and of subagents (by parent_tool_use_id) come interleaved;
    each has one message open at a time.
    """

    def __init__(self) -> None:
        self._turn_id = ""
        self._last_number = 0
        self._claude_session_id: str | None = None
        self._open: dict[str | None, Draft] = {}
        self._askers: dict[str, str] = {}

    @property
    def claude_session_id(self) -> str | None:
        """Claude Code's own id of the conversation, once it was told."""
        return self._claude_session_id

    def begin(self, turn_id: str, finished: int = 0) -> None:
        """Begin a turn, or go on with it where `finished` messages of it are complete."""
        self._turn_id = turn_id
        self._last_number = finished
        self._open.clear()
        self._askers.clear()

    def finish(self, at: datetime) -> list[Event]:
        """End the turn: messages that came in whole blocks are complete now."""
        drafts = [draft for draft in self._open.values() if not draft.streamed]
        return [self._stopped(draft, at) for draft in drafts]

    def feed(self, raw: Json, at: datetime) -> list[Event]:
        """Return the events that a message makes."""
        session = raw.get("session_id")
        if isinstance(session, str) and session:
            self._claude_session_id = session
        return list(self._translated(raw, at))

    def _translated(self, raw: Json, at: datetime) -> Iterator[Event]:
        match raw.get("type"):
            case "stream_event":
                yield from self._streamed(raw, at)
            case "assistant":
                yield from self._assistant(raw, at)
            case "user":
                yield from self._user(raw, at)
            case "result":
                yield from self.finish(at)
            case _:
                data = system_data(raw)
                if data:
                    yield SystemEvent(timestamp=at, data=data)

    # Messages that come piece by piece

    def _streamed(self, raw: Json, at: datetime) -> Iterator[Event]:
        event = raw.get("event")
        if not isinstance(event, dict):
            return
        parent = raw.get("parent_tool_use_id")
        if event.get("type") == "message_start":
            message = event.get("message") or {}
            yield from self._started(parent, message, at, streamed=True)
            return
        draft = self._open.get(parent)
        if draft is None or not draft.streamed:
            return
        match event.get("type"):
            case "content_block_start":
                yield from block_started(draft, event, at)
            case "content_block_delta":
                yield from block_delta(draft, event, at)
            case "message_delta":
                delta = event.get("delta") or {}
                draft.stop_reason = delta.get("stop_reason") or draft.stop_reason
            case "message_stop" if draft.stop_reason == INTERRUPTED or not raw.get(_CUT_OFF):
                # One that was cut off stays open, and what comes next takes its place.
                yield self._stopped(draft, at)

    # Messages that come in whole blocks, and the blocks of streamed ones

    def _assistant(self, raw: Json, at: datetime) -> Iterator[Event]:
        parent = raw.get("parent_tool_use_id")
        message = raw.get("message") or {}
        if _is_api_error(raw):
            yield from self._api_error(raw, parent, at)
            return
        draft = self._open.get(parent)
        if draft is None or draft.api_id != message.get("id"):
            yield from self._started(parent, message, at, streamed=False)
            draft = self._open[parent]
        if raw.get("aborted"):
            draft.stop_reason = INTERRUPTED
        elif not draft.streamed:
            draft.stop_reason = message.get("stop_reason") or draft.stop_reason
        for block in blocks_of(raw):
            yield from self._block(draft, block, at)

    def _api_error(self, raw: Json, parent: str | None, at: datetime) -> Iterator[Event]:
        """Tell of a subagent's failure; the main conversation's is told with its result."""
        if parent is None:
            return
        message, _ = shorten_characters(plain(blocks_of(raw)), MAX_RESULT_CHARS)
        data = ErrorData(code="SUBAGENT_FAILED", message=message, turn_id=self._turn_id)
        yield ErrorEvent(timestamp=at, data=data)

    def _block(self, draft: Draft, block: Json, at: datetime) -> Iterator[Event]:
        if block.get("type") == "tool_use":
            yield from self._tool_use(draft, block, at)
        else:
            yield from whole_block(draft, block, at)
        draft.blocks += 1

    def _tool_use(self, draft: Draft, block: Json, at: datetime) -> Iterator[Event]:
        use_id, name, value = (
            text_of(block.get("id")),
            text_of(block.get("name")),
            tool_input(block),
        )
        if not draft.add_call(use_id, name, value):
            return
        self._askers[use_id] = draft.message_id
        shown, cut = shorten_input(value, MAX_INPUT_BYTES)
        data = ToolUseData(
            message_id=draft.message_id,
            turn_id=draft.turn_id,
            tool_use_id=use_id,
            name=name,
            input=shown,
            parent_tool_use_id=draft.parent,
            truncated=cut,
        )
        yield ToolUseEvent(timestamp=at, data=data)

    def _user(self, raw: Json, at: datetime) -> Iterator[Event]:
        """Give tool results. A user's own words are published where they are sent from."""
        parent = raw.get("parent_tool_use_id")
        asker = self._open.get(parent)
        if asker and not asker.streamed:
            yield self._stopped(asker, at)
        for block in blocks_of(raw):
            if block.get("type") == "tool_result":
                subagent = self._open.get(text_of(block.get("tool_use_id")))
                if subagent:
                    yield self._stopped(subagent, at)
                yield ToolResultEvent(timestamp=at, data=self._tool_result(block, parent))

    def _tool_result(self, block: Json, parent: str | None) -> ToolResultData:
        use_id = text_of(block.get("tool_use_id"))
        content, cut = shorten_characters(plain(block.get("content")), MAX_RESULT_CHARS)
        return ToolResultData(
            message_id=self._askers.get(use_id),
            turn_id=self._turn_id,
            tool_use_id=use_id,
            content=content,
            is_error=bool(block.get("is_error")),
            parent_tool_use_id=parent,
            truncated=cut,
        )

    # Beginning and end of a message

    def _started(
        self, parent: str | None, message: Json, at: datetime, *, streamed: bool
    ) -> Iterator[Event]:
        before = self._open.get(parent)
        if before and not before.streamed:
            yield self._stopped(before, at)
            before = None
        if before is None:
            self._last_number += 1
        # A streamed message that is still open was cut off: this one takes its place.
        number = before.number if before else self._last_number
        model = message.get("model")
        draft = Draft(
            message_id=f"{self._turn_id}-{number}",
            number=number,
            turn_id=self._turn_id,
            api_id=str(message.get("id")),
            streamed=streamed,
            model=model if isinstance(model, str) else None,
            parent=parent,
        )
        self._open[parent] = draft
        start = MessageStartData(
            message_id=draft.message_id,
            role="assistant",
            turn_id=draft.turn_id,
            model=draft.model,
            parent_tool_use_id=parent,
        )
        yield MessageStartEvent(timestamp=at, data=start)

    def _stopped(self, draft: Draft, at: datetime) -> Event:
        self._open.pop(draft.parent, None)
        return MessageStopEvent(timestamp=at, data=draft.finished(self._claude_session_id))


def _is_api_error(raw: Json) -> bool:
    return bool(raw.get("is_api_error_message") or raw.get("isApiErrorMessage"))
