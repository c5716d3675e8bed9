"""Where a client goes on: the rule, as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_api.keys import EVENTS_MAXLEN
from moorage_gateway.live.ids import NONE, OLDEST, EventId, parse_event_id
from moorage_gateway.live.resume import StreamFacts, Verdict, decide, decide_from_time


def at(number: int, sequence: int = 0) -> EventId:
    return EventId(number, sequence)


def facts(
    held: list[int], last: int, *, after: EventId, added: int | None = None, length: int = 0
) -> StreamFacts:
    """What Redis says of a stream that holds these entries, seen from ``after``."""
    entries = [at(number) for number in held]
    return StreamFacts(
        first=entries[0] if entries else None,
        last=at(last),
        length=length or len(held),
        added=added,
        next=next((entry for entry in entries if entry > after), None),
        held=after in entries,
    )


@pytest.mark.parametrize(
    ("after", "held", "last", "added", "expected"),
    [
        (at(20), [10, 20, 30], 30, None, Verdict(at(20))),
        (at(30), [10, 20, 30], 30, None, Verdict(at(30))),
        (at(30), [], 30, None, Verdict(at(30))),
        (at(30), [10, 20], 30, None, Verdict(at(30))),
        (at(31), [10, 20, 30], 30, None, Verdict(at(10).before, "lost")),
        (at(31), [], 30, None, Verdict(NONE, "lost")),
        (at(5), [10, 20], 20, None, Verdict(at(10).before, "trimmed")),
        (at(5), [10, 20], 20, 7, Verdict(at(10).before, "trimmed")),
        (at(5), [10, 20], 20, 2, Verdict(at(10).before, "lost")),
        (at(10).before, [10, 20], 20, None, Verdict(at(10).before)),
        (at(15), [10, 20], 20, None, Verdict(at(20).before, "lost")),
        (at(20).before, [10, 20], 20, None, Verdict(at(20).before)),
        (at(5), [], 20, None, Verdict(at(20), "trimmed")),
        (NONE, [10], 10, None, Verdict(NONE)),
        (NONE, [10], 10, 1, Verdict(NONE)),
        (NONE, [10], 10, 2, Verdict(at(10).before, "trimmed")),
        (NONE, [], 0, None, Verdict(NONE)),
        (OLDEST, [10], 10, 2, Verdict(NONE)),
    ],
)
def test_the_rule(
    after: EventId, held: list[int], last: int, added: int | None, expected: Verdict
) -> None:
    assert decide(after, facts(held, last, after=after, added=added)) == expected


def test_a_stream_that_does_not_exist() -> None:
    assert decide(at(5), None) == Verdict(NONE, "lost")
    assert decide(NONE, None) == decide(OLDEST, None) == Verdict(NONE)


def test_a_full_stream_was_trimmed_where_redis_does_not_count() -> None:
    full = facts([10, 20], 20, after=NONE, length=EVENTS_MAXLEN)
    assert decide(NONE, full) == Verdict(at(10).before, "trimmed")


@given(
    held=st.lists(st.integers(1, 60), unique=True).map(sorted),
    beyond=st.integers(0, 5),
    after=st.integers(1, 80),
    added=st.one_of(st.none(), st.integers(60, 100)),
)
def test_a_gaps_id_gives_no_second_gap(
    held: list[int], beyond: int, after: int, added: int | None
) -> None:
    last = max(held, default=1) + beyond
    verdict = decide(at(after), facts(held, last, after=at(after), added=added))
    if verdict.missing is None:
        assert verdict.position == at(after)
    again = facts(held, last, after=verdict.position, added=added)
    if verdict.position != NONE:
        assert decide(verdict.position, again) == Verdict(verdict.position)
    skipped = [number for number in held if at(after) < at(number) <= verdict.position]
    assert not skipped


def test_a_moment_is_missing_something_only_where_it_was_trimmed() -> None:
    assert decide_from_time(at(5), None) == Verdict(NONE)
    after = at(15)
    assert decide_from_time(after, facts([10, 20], 20, after=after)) == Verdict(after)
    after = at(5)
    trimmed = facts([10, 20], 20, after=after, added=9)
    assert decide_from_time(after, trimmed) == Verdict(at(10).before, "trimmed")
    after = at(99)
    assert decide_from_time(after, facts([10, 20], 20, after=after)) == Verdict(at(20))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", OLDEST),
        ("0-0", NONE),
        ("12", at(12)),
        ("12-3", at(12, 3)),
        ("18446744073709551615-18446744073709551615", at(2**64 - 1, 2**64 - 1)),
    ],
)
def test_ids_that_clients_write(text: str, expected: EventId) -> None:
    assert parse_event_id(text) == expected
    assert str(expected).startswith(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "1-",
        "-1",
        "a",
        "1-2-3",
        "1 -2",
        "18446744073709551616",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "+1",
        "$",
    ],
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match="an event id is two numbers"):
        parse_event_id(text)


@given(milliseconds=st.integers(0, 2**64 - 1), sequence=st.integers(0, 2**64 - 1))
def test_nothing_lies_between_an_id_and_the_one_before(milliseconds: int, sequence: int) -> None:
    event_id = EventId(milliseconds, sequence)
    before = event_id.before
    if event_id != NONE:
        number = before.milliseconds * 2**64 + before.sequence
        assert number + 1 == event_id.milliseconds * 2**64 + event_id.sequence
    assert EventId.of(event_id.raw) == event_id == parse_event_id(str(event_id))
