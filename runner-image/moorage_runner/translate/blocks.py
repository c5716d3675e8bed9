"""One block of an assistant's message, in pieces or whole, as events. Tool calls are no part."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from moorage_api.events import (
    MAX_RESULT_CHARS,
    CitationEvent,
    DeltaData,
    Event,
    MessageDeltaEvent,
    ThinkingDeltaEvent,
    ThinkingStartData,
    ThinkingStartEvent,
    WebSearchResultEvent,
    WebSearchStartData,
    WebSearchStartEvent,
)
from moorage_runner.translate.content import citation, search_result, text_of, tool_input
from moorage_runner.translate.draft import Draft
from moorage_runner.translate.limits import clean, shorten_characters

Json = dict[str, Any]

_PIECE = 64 * 1024
"""Characters of a delta where a text comes whole."""


def block_started(draft: Draft, event: Json, at: datetime) -> Iterator[Event]:
    """Give the events of a block's beginning."""
    block = event.get("content_block") or {}
    if block.get("type") == "thinking":
        start = ThinkingStartData(message_id=draft.message_id, index=_index(event))
        yield ThinkingStartEvent(timestamp=at, data=start)


def block_delta(draft: Draft, event: Json, at: datetime) -> Iterator[Event]:
    """Give the events of a piece."""
    delta, index = event.get("delta") or {}, _index(event)
    match delta.get("type"):
        case "text_delta":
            shown = draft.add_text(index, text_of(delta.get("text")))
            yield from _deltas(MessageDeltaEvent, draft, index, shown, at)
        case "thinking_delta":
            text = text_of(delta.get("thinking"))
            draft.add_thinking(text)
            yield from _deltas(ThinkingDeltaEvent, draft, index, text, at)
        case "citations_delta":
            yield from _citations(draft, index, [delta.get("citation")], at)


def whole_block(draft: Draft, block: Json, at: datetime) -> Iterator[Event]:
    """Give the events of a whole block; the pieces of a streamed one were given before."""
    match block.get("type"):
        case "server_tool_use":
            yield WebSearchStartEvent(timestamp=at, data=_search_start(draft, block))
        case "web_search_tool_result":
            result = search_result(draft.message_id, block)
            yield WebSearchResultEvent(timestamp=at, data=result)
        case _ if not draft.streamed:
            yield from _whole(draft, block, at)


def _index(event: Json) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _search_start(draft: Draft, block: Json) -> WebSearchStartData:
    query, _ = shorten_characters(text_of(tool_input(block).get("query")), MAX_RESULT_CHARS)
    return WebSearchStartData(
        message_id=draft.message_id, tool_use_id=text_of(block.get("id")), query=query
    )


def _whole(draft: Draft, block: Json, at: datetime) -> Iterator[Event]:
    """Give the events of a text or thinking block that comes whole."""
    index = draft.blocks
    if block.get("type") == "text":
        shown = draft.add_text(index, text_of(block.get("text")))
        yield from _deltas(MessageDeltaEvent, draft, index, shown, at)
        yield from _citations(draft, index, block.get("citations") or [], at)
    elif block.get("type") == "thinking":
        start = ThinkingStartData(message_id=draft.message_id, index=index)
        yield ThinkingStartEvent(timestamp=at, data=start)
        text = text_of(block.get("thinking"))
        draft.add_thinking(text)
        yield from _deltas(ThinkingDeltaEvent, draft, index, text, at)


def _deltas(
    kind: type[MessageDeltaEvent | ThinkingDeltaEvent],
    draft: Draft,
    index: int,
    text: str,
    at: datetime,
) -> Iterator[Event]:
    text = clean(text)
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE]
        data = DeltaData(message_id=draft.message_id, index=index, text=piece)
        yield kind(timestamp=at, data=data)


def _citations(draft: Draft, index: int, raw: list[Any], at: datetime) -> Iterator[Event]:
    for each in raw:
        data = citation(draft.message_id, index, each)
        if data:
            yield CitationEvent(timestamp=at, data=data)
