"""The trace that goes along with an input, and is no part of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_api.inbox import Input, Interrupt, Prompt, decode_input, encode_input, traceparent_in

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "value",
    [
        Prompt(input_id="p-1", content="Hello"),
        Prompt(input_id="p-1", content=f'"traceparent":"{TRACE}"', allowed_tools=["Read"]),
        Interrupt(input_id="i-1", turn_id="p-1"),
    ],
)
def test_a_trace_goes_along_and_changes_nothing(value: Input) -> None:
    plain, traced = encode_input(value), encode_input(value, TRACE)
    assert decode_input(plain) == decode_input(traced) == value
    assert (traceparent_in(plain), traceparent_in(traced)) == (None, TRACE)
    assert traced.startswith(plain[:-1])


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b'{"traceparent": 1}',
        b'{"traceparent": "00-x-y-01"}',
        b'["traceparent"]',
        b'{"traceparent": "' + TRACE.encode() + b'\\n"}',
    ],
)
def test_what_is_no_trace_is_none(raw: bytes | None) -> None:
    assert traceparent_in(raw) is None


@given(st.binary())
def test_whatever_stands_there_is_survived(raw: bytes) -> None:
    traceparent_in(b'"traceparent"' + raw)
