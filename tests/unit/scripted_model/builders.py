"""Requests as Claude Code sends them, with sensible defaults."""

from typing import Any

from moorage_scripted_model.conversation import MessagesRequest

TOOLS = [{"name": "Bash", "description": "Runs a command", "input_schema": {"type": "object"}}]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def assistant(text: str = "answer") -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


def tool_result(text: str) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": "toolu_1", "content": text}
    return {"role": "user", "content": [block]}


def body(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "claude", "max_tokens": 100, "tools": TOOLS, "messages": messages, **fields}


def request(*messages: dict[str, Any], **fields: Any) -> MessagesRequest:
    return MessagesRequest.model_validate(body(*messages, **fields))
