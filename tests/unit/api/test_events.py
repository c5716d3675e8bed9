from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from moorage_api.base import format_timestamp
from moorage_api.events import (
    EVENT,
    EVENT_TYPES,
    MAX_EVENT_BYTES,
    DeltaData,
    EventRefused,
    MessageDeltaEvent,
    decode_entry,
    encode_entry,
    encode_event,
)
from moorage_api.inbox import InputRefused, Prompt, decode_input, encode_input
from moorage_api.keys import SessionKeys
from moorage_api.resources import Phase
from moorage_api.state import (
    FIELD,
    HEARTBEAT_FIELD,
    SessionState,
    decode_state,
    encode_state,
    heartbeat_age,
)

MOMENT = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)


def delta(text: str) -> MessageDeltaEvent:
    return MessageDeltaEvent(timestamp=MOMENT, data=DeltaData(message_id="t-1", text=text))


def test_timestamps_are_utc_with_milliseconds() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert format_timestamp(there) == "2026-01-31T12:00:00.123Z"


def test_a_timestamp_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="time zone"):
        MessageDeltaEvent(
            timestamp=MOMENT.replace(tzinfo=None), data=DeltaData(message_id="a", text="")
        )


@given(st.text(max_size=200))
def test_an_event_survives_the_way_through_a_stream(text: str) -> None:
    event = decode_entry("s", "5-0", encode_entry(delta(text)))
    assert isinstance(event, MessageDeltaEvent)
    assert (event.id, event.session_id, event.data.text) == ("5-0", "s", text)


def test_id_and_session_are_the_readers_word_not_the_runners() -> None:
    forged = (
        b'{"id":"9-9","sessionId":"other","type":"message:delta",'
        b'"timestamp":"2026-01-31T12:00:00Z","data":{"messageId":"a","text":"b"}}'
    )
    event = decode_entry("mine", "1-0", forged)
    assert (event.id, event.session_id) == ("1-0", "mine")


def test_clients_get_camel_case_and_no_nulls() -> None:
    assert encode_event(decode_entry("s", "5-0", encode_entry(delta("x")))) == (
        b'{"id":"5-0","sessionId":"s","timestamp":"2026-01-31T12:00:00.123Z",'
        b'"type":"message:delta","data":{"messageId":"t-1","index":0,"text":"x"}}'
    )


@pytest.mark.parametrize(
    "raw",
    [None, b"", b"{", b"[]", b'{"type":"nonsense"}', b'{"type":"message:delta"}', b"\xff\xfe"],
)
def test_what_is_no_event_is_refused(raw: bytes | None) -> None:
    with pytest.raises(EventRefused):
        decode_entry("s", "1-0", raw)


def test_a_refusal_never_repeats_what_was_written() -> None:
    with pytest.raises(EventRefused) as caught:
        decode_entry("s", "1-0", b'{"type":"message:delta","data":"secret"}')
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_event_above_the_limit_is_refused_on_both_sides() -> None:
    with pytest.raises(EventRefused, match="exceeds"):
        encode_entry(delta("x" * MAX_EVENT_BYTES))
    with pytest.raises(EventRefused, match="above"):
        decode_entry("s", "1-0", b" " * (MAX_EVENT_BYTES + 1))


def test_the_list_of_types_is_the_unions() -> None:
    mapping = EVENT.json_schema()["discriminator"]["mapping"]
    assert sorted(mapping) == sorted(EVENT_TYPES)


def test_an_input_survives_the_way_through_the_inbox() -> None:
    prompt = Prompt(input_id="i-1", content="Hello")
    assert decode_input(encode_input(prompt)) == prompt


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"{}",
        b'{"type":"prompt","inputId":"","content":"x"}',
        b'{"type":"prompt","inputId":"a b","content":"x"}',
        b'{"type":"prompt","inputId":"a","content":""}',
        b'{"type":"mode","inputId":"a","mode":"yolo"}',
    ],
)
def test_what_is_no_input_is_refused(raw: bytes | None) -> None:
    with pytest.raises(InputRefused):
        decode_input(raw)


def test_state_survives_the_way_through_the_hash() -> None:
    state = SessionState(phase=Phase.READY, queued=2)
    assert decode_state({FIELD: encode_state(state)}) == state


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"phase":"Flying"}', b'{"phase":"Ready","queued":-1}']
)
def test_a_state_that_is_none_is_not_believed(raw: bytes) -> None:
    assert decode_state({FIELD: raw}) is None


def test_heartbeat_age() -> None:
    assert heartbeat_age({HEARTBEAT_FIELD: b"100.5"}, 103.0) == 2.5
    assert heartbeat_age({}, 1.0) is None
    assert heartbeat_age({HEARTBEAT_FIELD: b"soon"}, 1.0) is None


def test_all_keys_of_a_session_share_one_hash_tag() -> None:
    keys = SessionKeys("u")
    every = [*keys.lasting, keys.reply("1"), keys.notify]
    assert all(key.startswith("moorage:{u}:") for key in every)
    assert len(set(every)) == len(every)
