"""What of a stream is recorded, and in which steps."""

import math
from typing import Any

import pytest

from moorage_api.events import FIELD, encode_entry
from moorage_gateway.live.ids import EventId
from moorage_gateway.recorder.entries import Page, recorded_in, storable
from moorage_gateway.recorder.rows import EventUnfit, message_row, turn_row
from moorage_testing.history import answered, asked, said, used
from moorage_testing.live import delta, status


def test_only_what_is_history_is_recorded() -> None:
    events = [asked("t", "x"), delta("message:stop"), status(), said("t", 1, "y"), used("t")]
    entries: list[Any] = [
        (b"%d-0" % n, {FIELD: encode_entry(event)}) for n, event in enumerate(events)
    ]
    entries += [(b"8-0", None), (b"9-0", {b"x": b"usage"}), (b"10-0", {FIELD: b"usage"})]
    found = recorded_in("session", entries)
    assert [(event.id, event.type, event.session_id) for event in found] == [
        ("0-0", "message:stop", "session"),
        ("3-0", "message:stop", "session"),
        ("4-0", "usage", "session"),
    ]


def test_a_page_falls_into_one_step_for_each_event_and_the_rest() -> None:
    entries = [(b"%d-0" % n, {FIELD: encode_entry(answered("t", "tool", str(n)))}) for n in (2, 4)]
    page = Page("s", EventId(1, 0), EventId(9, 0), recorded_in("s", entries))
    steps = [(p.before, p.to, len(p.events)) for p in page.one_by_one()]
    assert steps == [
        (EventId(1, 0), EventId(2, 0), 1),
        (EventId(2, 0), EventId(4, 0), 1),
        (EventId(4, 0), EventId(9, 0), 0),
    ]
    assert page.without_events() == Page("s", EventId(1, 0), EventId(9, 0))


def test_what_sql_cannot_store_is_replaced() -> None:
    value = {"a\0": ["b\0", math.inf, 1.5, None, True, {"c": "\0"}]}
    assert storable(value) == {
        "a\N{REPLACEMENT CHARACTER}": [
            "b\N{REPLACEMENT CHARACTER}", "inf", 1.5, None, True,
            {"c": "\N{REPLACEMENT CHARACTER}"},
        ]
    }  # fmt: skip


@pytest.mark.parametrize("number", [2**63, 2**200])
def test_what_does_not_fit_is_refused_whatever_the_database(number: int) -> None:
    event = used("t", number)
    assert event.type == "usage"
    with pytest.raises(EventUnfit, match=r"turns\.output_tokens"):
        turn_row(event)


def test_a_text_too_long_for_its_column_is_refused() -> None:
    event = said("t" * 200, 1, "x")
    assert event.type == "message:stop"
    with pytest.raises(EventUnfit, match=r"messages\.id"):
        message_row(event)
