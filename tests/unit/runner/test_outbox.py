"""The queue of events: merged, bounded, in order."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.events import (
    DeltaData,
    Event,
    MessageDeltaEvent,
    MessageStopData,
    MessageStopEvent,
    SystemData,
    SystemEvent,
    ThinkingDeltaEvent,
)
from moorage_runner.outbox import Outbox

AT = datetime(2026, 1, 1, tzinfo=UTC)
MANY = 1_000_000


def delta(text: str, message: str = "m", index: int = 0) -> Event:
    data = DeltaData(message_id=message, index=index, text=text)
    return MessageDeltaEvent(timestamp=AT, data=data)


def stop(message: str = "m") -> Event:
    data = MessageStopData(message_id=message, role="assistant", turn_id="t", content="")
    return MessageStopEvent(timestamp=AT, data=data)


def system(number: int) -> Event:
    return SystemEvent(timestamp=AT, data=SystemData(subtype="s", message=str(number)))


def filled(*events: Event, **bounds: int) -> Outbox:
    outbox = Outbox(**bounds)
    for event in events:
        outbox.add(event)
    return outbox


def take_all(outbox: Outbox) -> list[Event]:
    return outbox.take(MANY, MANY * 100)


def test_deltas_of_one_block_become_one() -> None:
    thinking = ThinkingDeltaEvent(timestamp=AT, data=DeltaData(message_id="m", text="t"))
    outbox = filled(delta("a"), delta("b"), delta("c", index=1), delta("d", "n"), thinking)
    assert [e.data.text for e in take_all(outbox)] == ["ab", "c", "d", "t"]  # type: ignore[union-attr]


def test_a_boundary_is_urgent_and_parts() -> None:
    assert not filled(delta("a")).urgent
    outbox = filled(delta("a"), stop(), delta("b"))
    assert outbox.urgent
    assert [event.type for event in take_all(outbox)] == [
        "message:delta",
        "message:stop",
        "message:delta",
    ]
    assert len(outbox) == 0


def test_full_deltas_go_first_and_one_gap_takes_their_place() -> None:
    events = [stop("before"), *[delta("x", str(i)) for i in range(20)], stop("after")]
    left = take_all(filled(*events, max_events=10))
    assert left[0] == events[0]
    assert left[-1] == events[-1]
    gaps = [event for event in left if event.type == "gap"]
    shown = sum(event.type == "message:delta" for event in left)
    assert [gap.data.missed for gap in gaps] == [20 - shown]
    assert left.index(gaps[0]) == 1


def test_full_of_what_matters_the_oldest_goes() -> None:
    left = take_all(filled(*[stop(str(i)) for i in range(30)], max_events=10))
    assert left[0].type == "gap"
    kept = [event.data.message_id for event in left if event.type == "message:stop"]
    assert kept[-1] == "29"
    assert left[0].data.missed == 30 - len(kept)
    assert len(left) <= 10


@settings(deadline=None)
@given(st.lists(st.sampled_from(["delta", "stop", "system"]), max_size=200), st.integers(5, 50))
def test_nothing_is_lost_in_silence(kinds: list[str], bound: int) -> None:
    outbox, added = Outbox(max_events=bound), 0
    for number, kind in enumerate(kinds):
        make = {"delta": lambda n: delta("x", str(n)), "stop": lambda n: stop(str(n))}
        outbox.add(make.get(kind, system)(number))
        added += 1
    left = take_all(outbox)
    missed = sum(event.data.missed or 0 for event in left if event.type == "gap")
    assert len([event for event in left if event.type != "gap"]) + missed == added
    assert sum(event.type == "gap" for event in left) <= 1
    assert len(left) <= bound + 1


@settings(deadline=None)
@given(st.lists(st.text(max_size=5), max_size=50), st.integers(1, 10), st.integers(1, 2_000))
def test_batches_keep_the_text(texts: list[str], events: int, size: int) -> None:
    outbox = filled(*map(delta, texts))
    taken: list[Event] = []
    while batch := outbox.take(events, size):
        taken += batch
    assert "".join(e.data.text for e in taken) == "".join(texts)  # type: ignore[union-attr]
