import json
from typing import Any

import pytest

from moorage_scripted_model import (
    Citation,
    SearchResult,
    Step,
    Text,
    Thinking,
    ToolUse,
    WebSearch,
    tokens,
)
from moorage_scripted_model.rendering import Facts, Reply, render

FACTS = Facts(model="claude", input_tokens=7, prompt="the prompt", tool_result="the result")
CITATION = Citation(url="https://example.org", title="Example", cited_text="cited")
HIT = SearchResult(url="https://example.org", title="Example")
RICH = Step.of(
    Thinking(thinking="hm " * 30),
    WebSearch(query="boats", results=(HIT,)),
    Text(text="words " * 30, citations=(CITATION,)),
    ToolUse(name="Bash", input={"command": "echo " + "x" * 100}),
    chunk=16,
)


def reassembled(reply: Reply) -> list[dict[str, Any]]:
    """Put the streamed blocks together as a client does."""
    blocks: list[dict[str, Any]] = []
    inputs: dict[int, str] = {}
    for event in reply.events():
        match event.data:
            case {"type": "content_block_start", "content_block": block}:
                blocks.append(dict(block))
            case {"delta": {"type": "text_delta", "text": text}}:
                blocks[-1]["text"] += text
            case {"delta": {"type": "thinking_delta", "thinking": text}}:
                blocks[-1]["thinking"] += text
            case {"delta": {"type": "signature_delta", "signature": text}}:
                blocks[-1]["signature"] += text
            case {"delta": {"type": "citations_delta", "citation": citation}}:
                blocks[-1].setdefault("citations", []).append(citation)
            case {"delta": {"type": "input_json_delta", "partial_json": text}}:
                inputs[len(blocks) - 1] = inputs.get(len(blocks) - 1, "") + text
    for index, text in inputs.items():
        blocks[index]["input"] = json.loads(text)
    return blocks


def test_the_stream_adds_up_to_the_message() -> None:
    reply = render(RICH, FACTS)
    assert reassembled(reply) == reply.message["content"]


def test_events_come_in_the_api_s_order() -> None:
    reply = render(Step.of(Text(text="abc"), chunk=2), FACTS)
    assert [event.data["type"] for event in reply.events()] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step.of(Text(text="{prompt}: {tool_result}")), "the prompt: the result"),
        (Step.of(Text(text="ab", repeat=3)), "ababab"),
        (Step.of(Text(text="{unknown} {")), "{unknown} {"),
    ],
)
def test_text_is_filled_in(step: Step, text: str) -> None:
    assert render(step, FACTS).message["content"][0]["text"] == text


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step.of(Text(text="x")), "end_turn"),
        (Step.of(Text(text="x"), ToolUse(name="Bash")), "tool_use"),
        (Step.of(WebSearch(query="x")), "end_turn"),
        (Step.of(Text(text="x"), stop_reason="max_tokens"), "max_tokens"),
    ],
)
def test_stop_reason(step: Step, reason: str) -> None:
    assert render(step, FACTS).message["stop_reason"] == reason


def test_ids_are_new_every_time() -> None:
    first, second = (render(RICH, FACTS).message for _ in range(2))
    assert first["id"] != second["id"]
    assert first["content"][-1]["id"] != second["content"][-1]["id"]


@pytest.mark.parametrize(("characters", "expected"), [(0, 0), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_a_token_is_four_characters(characters: int, expected: int) -> None:
    assert tokens.count(characters) == expected


def test_usage_counts_what_was_written() -> None:
    usage = render(Step.of(Thinking(thinking="x" * 40), Text(text="y" * 40)), FACTS).message[
        "usage"
    ]
    assert (usage["input_tokens"], usage["output_tokens"]) == (7, 20)
