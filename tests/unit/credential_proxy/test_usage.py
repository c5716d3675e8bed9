"""What a response used, read from its bytes however they are cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_gateway.credential_proxy.prices import Prices
from moorage_gateway.credential_proxy.settings import PRICES, Price
from moorage_gateway.credential_proxy.usage import StreamReader, Usage, WholeReader


def event(kind: str, **data: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


STREAM = (
    event("message_start", message={"usage": {"input_tokens": 7, "output_tokens": 1}})
    + event("ping")
    + event("content_block_delta", delta={"type": "text_delta", "text": "message_delta"})
    + event("message_delta", usage={"output_tokens": 42, "input_tokens": None})
    + event("message_stop")
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12), st.booleans())
def test_where_a_stream_is_cut_does_not_matter(cuts: list[int], windows: bool) -> None:
    stream = STREAM.replace(b"\n", b"\r\n") if windows else STREAM
    places = [0, *sorted(cuts), len(stream)]
    reader = StreamReader()
    for first, last in pairwise(places):
        reader.feed(stream[first:last])
    assert reader.usage == Usage(input=7, output=42)
    assert reader.between_events


def test_before_the_end_the_output_is_estimated() -> None:
    reader = StreamReader()
    reader.feed(event("message_start", message={"usage": {"input_tokens": 7, "output_tokens": 1}}))
    assert reader.usage == Usage(input=7, output=1)
    reader.feed(event("content_block_delta", delta={"type": "text_delta", "text": "x" * 4000}))
    assert reader.usage is not None
    assert 990 <= reader.usage.output <= 1010
    reader.feed(event("message_delta", usage={"output_tokens": 900}))
    assert reader.usage == Usage(input=7, output=900)


@pytest.mark.parametrize(
    "odd",
    [
        b"event: message_start\ndata: {\n\n",
        b"event: message_start\ndata: []\n\n",
        b"event: message_start\n\n",
        b'event: message_start\ndata: {"message": 5}\n\n',
        b'event: message_start\ndata: {"message": {"usage": [1]}}\n\n',
        b'data: {"usage": {"input_tokens": 5}}\n\n',
        b"\xff\xfe\n\n",
    ],
)
def test_what_cannot_be_read_is_passed_over(odd: bytes) -> None:
    reader = StreamReader()
    reader.feed(odd)
    assert reader.usage is None
    reader.feed(STREAM)
    assert reader.usage == Usage(input=7, output=42)


@pytest.mark.parametrize("value", [-5, "7", None, 1.5, [1]])
def test_counts_that_are_none_count_nothing(value: object) -> None:
    reader = WholeReader()
    reader.feed(json.dumps({"usage": {"input_tokens": value, "output_tokens": 2}}).encode())
    assert reader.usage == Usage(output=2)


def test_an_event_without_end_fills_no_memory() -> None:
    reader = StreamReader()
    for _ in range(64):
        reader.feed(b"x" * 65_536)
    reader.feed(b"\n\n" + STREAM)
    assert reader.usage == Usage(input=7, output=42)


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("claude-haiku-4-5", 1 + 5),
        ("claude-sonnet-4-5-20250929", 3 + 15),
        ("claude-opus-4-1-20250805", 15 + 75),
        ("claude-opus-4-20250514", 15 + 75),
        ("claude-3-opus-latest", 15 + 75),
        ("claude-opus-4-5", 5 + 25),
        ("a model nobody knows", 15 + 75),
    ],
)
def test_a_model_s_price_is_found_by_its_name(model: str, cost: int) -> None:
    assert Prices(PRICES, 10).of(model).cost(Usage(input=1, output=1)) == cost


def test_prices_round_up_and_nothing_is_free_by_mistake() -> None:
    prices = Prices([Price(models="a", input=0.25, output=0)], 10)
    assert prices.of("a").cost(Usage(input=1)) == 1
    assert Prices([], 10).of("any").cost(Usage(input=1, output=1)) == 90
