"""Real messages of Claude Code, translated: REWRITE_EXPECTED=1 writes the expected files anew."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.events import EVENT, MAX_EVENT_BYTES, Event, encode_entry
from moorage_runner.translate import Translator

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
RECORDED = sorted((FIXTURES / "sdk_messages").glob("*.jsonl"))
AT = datetime(2026, 1, 1, tzinfo=UTC)

Json = dict[str, Any]


def translate(messages: list[Json], finished: int = 0) -> list[Event]:
    translator = Translator()
    translator.begin("t", finished)
    return [event for raw in messages for event in translator.feed(raw, AT)]


def read(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def stream(event: Json) -> Json:
    return {"type": "stream_event", "event": event, "parent_tool_use_id": None}


def delta(text: str, index: int = 0) -> Json:
    inner = {"type": "text_delta", "text": text}
    return stream({"type": "content_block_delta", "index": index, "delta": inner})


def start(name: str = "msg_1") -> Json:
    return stream({"type": "message_start", "message": {"id": name, "model": "m"}})


def assistant(*blocks: Json, name: str = "msg_1", **fields: Any) -> Json:
    message = {"id": name, "model": "m", "content": list(blocks), "stop_reason": None}
    return {"type": "assistant", "message": message, "parent_tool_use_id": None, **fields}


def described(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.type, str(getattr(event.data, "message_id", ""))) for event in events]


STOP = stream({"type": "message_stop"})


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded(path: Path) -> None:
    lines = [
        EVENT.dump_json(event, by_alias=True, exclude_none=True, exclude={"id", "session_id"})
        for event in translate(read(path))
    ]
    expected = FIXTURES / "translated" / path.name
    if os.environ.get("REWRITE_EXPECTED"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_bytes(b"".join(line + b"\n" for line in lines))
    assert lines == expected.read_bytes().splitlines()


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_was_streamed_is_what_the_message_holds(path: Path) -> None:
    texts: dict[str, str] = {}
    for event in translate(read(path)):
        match event.type:
            case "message:start":
                texts[event.data.message_id] = ""
            case "message:delta":
                texts[event.data.message_id] += event.data.text
            case "message:stop":
                assert texts[event.data.message_id] == event.data.content


@settings(deadline=None)
@given(st.text(), st.lists(st.integers(min_value=1, max_value=9)))
def test_chunks_do_not_matter(text: str, sizes: list[int]) -> None:
    """Pieces as JavaScript cuts them: between the halves of a character too."""
    halves = text.encode("utf-16-le", "surrogatepass")
    pieces, position = [], 0
    for size in [*sizes, len(halves)]:
        piece = halves[position : position + 2 * size].decode("utf-16-le", "surrogatepass")
        pieces.append(piece)
        position += 2 * size
    events = translate([start(), *map(delta, pieces), STOP])
    shown = "".join(e.data.text for e in events if e.type == "message:delta")
    assert events[-1].type == "message:stop"
    assert events[-1].data.content == shown == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=30)
@given(
    st.text(alphabet=st.characters(), max_size=20),
    st.integers(min_value=1, max_value=60_000),
    st.dictionaries(st.text(max_size=10), json_values, max_size=4),
)
def test_no_event_is_ever_too_large(text: str, times: int, value: Json) -> None:
    huge = (text or "x") * times
    blocks: list[Json] = [
        {"type": "text", "text": huge},
        {"type": "thinking", "thinking": huge},
        {"type": "tool_use", "id": "u", "name": "Write", "input": {**value, "content": huge}},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": huge}},
    ]
    result = {"type": "tool_result", "tool_use_id": "u", "content": huge}
    user = {"type": "user", "message": {"role": "user", "content": [result]}}
    for event in translate([assistant(*blocks), user]):
        assert len(encode_entry(event)) <= MAX_EVENT_BYTES


@settings(deadline=None)
@given(json_values)
def test_nonsense_is_left_out(value: Any) -> None:
    for kind in ("assistant", "user", "stream_event", "system", "result", "rate_limit_event"):
        for key in ("message", "event", "rate_limit_info"):
            if isinstance(value, dict):
                translate([{"type": kind, key: value}])


def test_a_resumed_turn_counts_on() -> None:
    events = translate([start(), delta("Aye"), STOP], finished=3)
    assert {name for _, name in described(events)} == {"t-4"}


def test_a_message_without_stream_events_takes_the_place_of_one_cut_off() -> None:
    whole = assistant({"type": "text", "text": "Whole."}, name="msg_2")
    events = translate([start(), delta("Wh"), whole, {"type": "result"}])
    assert described(events) == [
        ("message:start", "t-1"),
        ("message:delta", "t-1"),
        ("message:start", "t-1"),
        ("message:delta", "t-1"),
        ("message:stop", "t-1"),
    ]
