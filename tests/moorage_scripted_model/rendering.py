"""A step as the API shows it: the finished message, and the events that stream it.

Pure: no time, no network. Pauses and cuts belong to whoever sends the events.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moorage_scripted_model import tokens
from moorage_scripted_model.identifiers import new_id
from moorage_scripted_model.steps import Block, Citation, Step, Text, Thinking, ToolUse, WebSearch

Json = dict[str, Any]
_QUOTED = 500
_SIGNATURE = base64.b64encode(b"moorage scripted model").decode()


@dataclass(frozen=True)
class Facts:
    """What a response needs to know of its request."""

    model: str
    input_tokens: int
    prompt: str
    tool_result: str


@dataclass(frozen=True)
class Event:
    """One server-sent event; only deltas are paced and counted."""

    data: Json

    @property
    def is_delta(self) -> bool:
        """Whether it is a piece of content."""
        return bool(self.data["type"] == "content_block_delta")

    def encode(self) -> bytes:
        """Give the event as it goes over the wire."""
        body = json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))
        return f"event: {self.data['type']}\ndata: {body}\n\n".encode()


@dataclass(frozen=True)
class Reply:
    """A step with ids and placeholders filled in: a whole message."""

    message: Json
    chunk: int

    def events(self) -> Iterator[Event]:
        """Give the events that stream this message."""
        opening = {**self.message["usage"], "output_tokens": 1}
        start = {**self.message, "content": [], "stop_reason": None, "usage": opening}
        yield Event({"type": "message_start", "message": start})
        for index, block in enumerate(self.message["content"]):
            empty, deltas = _pieces(block, self.chunk)
            yield Event({"type": "content_block_start", "index": index, "content_block": empty})
            for delta in deltas:
                yield Event({"type": "content_block_delta", "index": index, "delta": delta})
            yield Event({"type": "content_block_stop", "index": index})
        end = {"stop_reason": self.message["stop_reason"], "stop_sequence": None}
        yield Event({"type": "message_delta", "delta": end, "usage": self.message["usage"]})
        yield Event({"type": "message_stop"})


def render(step: Step, facts: Facts) -> Reply:
    """Make the message of a step."""
    content = [part for block in step.blocks for part in _content(block, facts)]
    searches = sum(isinstance(block, WebSearch) for block in step.blocks)
    output = tokens.count(sum(_written(part) for part in content))
    message = {
        "id": new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": facts.model,
        "content": content,
        "stop_reason": step.effective_stop_reason,
        "stop_sequence": None,
        "usage": tokens.usage(facts.input_tokens, output, searches),
    }
    return Reply(message, step.chunk)


def _content(block: Block, facts: Facts) -> list[Json]:
    match block:
        case Text():
            text = _filled(block.text, facts) * block.repeat
            part: Json = {"type": "text", "text": text}
            if block.citations:
                part["citations"] = [_citation(citation) for citation in block.citations]
            return [part]
        case Thinking():
            thinking = block.thinking * block.repeat
            return [{"type": "thinking", "thinking": thinking, "signature": _SIGNATURE}]
        case ToolUse():
            return [
                {
                    "type": "tool_use",
                    "id": new_id("toolu"),
                    "name": block.name,
                    "input": block.input,
                }
            ]
        case WebSearch():
            return _search(block)


def _filled(text: str, facts: Facts) -> str:
    text = text.replace("{tool_result}", facts.tool_result[:_QUOTED])
    return text.replace("{prompt}", _shortened(facts.prompt, 200))


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "\u2026"


def _citation(citation: Citation) -> Json:
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.cited_text,
        "encrypted_index": _SIGNATURE,
    }


def _search(search: WebSearch) -> list[Json]:
    use_id = new_id("srvtoolu")
    hits = [
        {
            "type": "web_search_result",
            "url": hit.url,
            "title": hit.title,
            "page_age": hit.page_age,
            "encrypted_content": _SIGNATURE,
        }
        for hit in search.results
    ]
    use = {
        "type": "server_tool_use",
        "id": use_id,
        "name": "web_search",
        "input": {"query": search.query},
    }
    return [use, {"type": "web_search_tool_result", "tool_use_id": use_id, "content": hits}]


def _written(part: Json) -> int:
    """Count the characters the model wrote: search results are not its own."""
    match part["type"]:
        case "text":
            return len(part["text"])
        case "thinking":
            return len(part["thinking"])
        case "tool_use" | "server_tool_use":
            return len(json.dumps(part["input"], ensure_ascii=False))
        case _:
            return 0


def _pieces(block: Json, chunk: int) -> tuple[Json, Iterator[Json]]:
    """Split a block into its empty start and the deltas that fill it."""
    match block["type"]:
        case "text":
            return {"type": "text", "text": ""}, _text_deltas(block, chunk)
        case "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            return empty, _thinking_deltas(block, chunk)
        case "tool_use" | "server_tool_use":
            text = json.dumps(block["input"], ensure_ascii=False)
            deltas = (
                {"type": "input_json_delta", "partial_json": piece} for piece in _cut(text, chunk)
            )
            return {**block, "input": {}}, deltas
        case _:
            return block, iter(())


def _text_deltas(block: Json, chunk: int) -> Iterator[Json]:
    for piece in _cut(block["text"], chunk):
        yield {"type": "text_delta", "text": piece}
    for citation in block.get("citations", ()):
        yield {"type": "citations_delta", "citation": citation}


def _thinking_deltas(block: Json, chunk: int) -> Iterator[Json]:
    for piece in _cut(block["thinking"], chunk):
        yield {"type": "thinking_delta", "thinking": piece}
    yield {"type": "signature_delta", "signature": block["signature"]}


def _cut(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))
