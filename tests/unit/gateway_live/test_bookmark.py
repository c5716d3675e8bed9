"""Which id a user's stream gives out: held while a backlog is on its way, never far ahead."""

from datetime import UTC, datetime

import pytest

from moorage_gateway.live.bookmark import AHEAD, Bookmark
from moorage_gateway.live.ids import OLDEST, EventId

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
_NOW_MS = int(NOW.timestamp() * 1000)
LATEST = EventId(_NOW_MS + int(AHEAD.total_seconds() * 1000), 0)


def at(seconds: float, sequence: int = 0) -> EventId:
    """Return an id so many seconds after now."""
    return EventId(_NOW_MS + int(seconds * 1000), sequence)


def bookmark(after: EventId | None) -> Bookmark:
    return Bookmark(after, lambda: NOW)


@pytest.mark.parametrize(
    ("after", "start"),
    [
        (None, at(0)),
        (OLDEST, OLDEST),
        (at(-600, 3), at(-600, 3)),
        (at(4), at(4)),
        (at(6), LATEST),
        (EventId(2**64 - 1, 2**64 - 1), LATEST),
    ],
)
def test_where_it_starts(after: EventId | None, start: EventId) -> None:
    assert bookmark(after).id == start


@pytest.mark.parametrize(
    ("events", "given"),
    [
        ([at(-60), at(-30)], [at(-60), at(-30)]),
        ([at(-30), at(-60), at(-29)], [at(-30), at(-30), at(-29)]),
        ([at(3), at(-1)], [at(3), at(3)]),
        ([EventId(2**63, 0), at(-1), at(1)], [LATEST, LATEST, LATEST]),
    ],
)
def test_it_is_the_highest_within_reason(events: list[EventId], given: list[EventId]) -> None:
    mark = bookmark(at(-600))
    assert [mark.passed(event) for event in events] == given


def test_it_stays_until_every_session_is_level() -> None:
    mark = bookmark(at(-600))
    for session in ("one", "other"):
        mark.behind(session)
    assert mark.passed(at(-1)) == at(-600)
    mark.level("one")
    assert mark.passed(at(-540)) == mark.id == at(-600)
    mark.level("other")
    assert mark.id == at(-1)
    assert mark.passed(at(0)) == at(0)


def test_a_session_that_comes_later_holds_it_where_it_is() -> None:
    mark = bookmark(at(-600))
    mark.passed(at(-2))
    mark.behind("new")
    assert mark.passed(at(-1)) == at(-2)
    mark.level("new")
    assert mark.id == at(-1)
