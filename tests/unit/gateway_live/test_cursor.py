"""One position for many subscriptions: each gets every event once, from wherever it comes."""

from hypothesis import given
from hypothesis import strategies as st

from moorage_gateway.live.cursor import Cursor, Subscription
from moorage_gateway.live.ids import NONE, EventId
from moorage_gateway.live.items import Item, Types
from moorage_gateway.live.outlet import Outlet


def items(first: int, last: int, size: int = 1) -> list[Item]:
    return [Item(EventId(n, 0), f"type{n % 2}", b"x" * size, 0) for n in range(first, last + 1)]


def subscribed(cursor: Cursor, position: int, types: Types | None = None) -> Subscription:
    subscription = Subscription(cursor, Outlet(), types)
    subscription.position = EventId(position, 0)
    cursor.clients.add(subscription)
    return subscription


def taken(subscription: Subscription) -> list[int]:
    return [item.id.milliseconds for batch in subscription.outlet.take() for item in batch.items]


def started(at: int = 0) -> Cursor:
    cursor = Cursor("session")
    cursor.start(EventId(at, 0))
    return cursor


def test_nobody_joins_before_the_cursor_has_a_position() -> None:
    cursor = Cursor("session")
    assert not cursor.join(subscribed(cursor, 0))


def test_one_that_is_level_gets_what_comes() -> None:
    cursor = started(5)
    subscription = subscribed(cursor, 5)
    assert cursor.join(subscription)
    cursor.advance(items(6, 8))
    assert taken(subscription) == [6, 7, 8]
    assert cursor.position_of(subscription) == EventId(8, 0)


def test_one_that_is_ahead_gets_nothing_twice() -> None:
    cursor = started()
    subscription = subscribed(cursor, 4)
    assert cursor.join(subscription)
    cursor.advance(items(1, 3))
    cursor.advance(items(4, 6))
    cursor.advance(items(7, 7))
    assert taken(subscription) == [5, 6, 7]


def test_one_that_is_a_little_behind_is_served_from_the_window() -> None:
    cursor = started()
    witness = subscribed(cursor, 0)
    cursor.join(witness)
    cursor.advance(items(1, 10))
    subscription = subscribed(cursor, 7)
    assert cursor.join(subscription)
    cursor.advance(items(11, 11))
    assert taken(subscription) == [8, 9, 10, 11]


def test_one_that_is_far_behind_must_read_on() -> None:
    cursor = started()
    witness = subscribed(cursor, 0)
    cursor.join(witness)
    cursor.advance(items(1, 500))
    assert not cursor.join(subscribed(cursor, 100))
    cursor.advance(items(501, 502, size=1_000_000))
    assert not cursor.join(subscribed(cursor, 500))
    assert cursor.join(subscribed(cursor, 502))


def test_events_of_a_time_without_clients_are_in_no_window() -> None:
    cursor = started()
    cursor.followers.add(lambda _: None)
    cursor.advance(items(1, 10))
    assert not cursor.join(subscribed(cursor, 5))


def test_filters_share_one_batch_per_set_of_types() -> None:
    cursor = started()
    all_types, odd, odd_too = (
        subscribed(cursor, 0, types) for types in (None, frozenset({"type1"}), frozenset({"type1"}))
    )
    for subscription in (all_types, odd, odd_too):
        cursor.join(subscription)
    cursor.advance(items(1, 4))
    assert odd.outlet.take()[0] is odd_too.outlet.take()[0]
    assert taken(all_types) == [1, 2, 3, 4]


def test_a_restart_tells_everybody_who_has_joined_and_followers() -> None:
    cursor, told = started(5), []
    cursor.followers.add(lambda seen: told.append(len(seen)))
    level, ahead, behind = (subscribed(cursor, n) for n in (5, 9, 1))
    assert [cursor.join(s) for s in (level, ahead, behind)] == [True, True, False]
    gap = items(0, 0)[0]
    cursor.restart(NONE, gap)
    cursor.advance(items(1, 2))
    assert taken(level) == taken(ahead) == [0, 1, 2]
    assert (taken(behind), cursor.generation, told) == ([], 1, [0, 2])


def test_who_left_gets_nothing_and_leaves_nothing() -> None:
    cursor = started()
    subscription = subscribed(cursor, 0)
    cursor.join(subscription)
    cursor.leave(subscription)
    cursor.advance(items(1, 1))
    assert (taken(subscription), cursor.wanted) == ([], False)


@given(
    steps=st.lists(st.integers(1, 40), max_size=12),
    joins=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 200)), max_size=8),
)
def test_whenever_it_joins_it_gets_everything_after_its_position_once(
    steps: list[int], joins: list[tuple[int, int]]
) -> None:
    cursor, at = started(), 0
    witness = subscribed(cursor, 0)
    cursor.join(witness)
    joined: list[tuple[int, Subscription]] = []
    for number, step in enumerate(steps):
        for when, position in joins:
            subscription = subscribed(cursor, position)
            if when == number and cursor.join(subscription):
                joined.append((position, subscription))
        cursor.advance(items(at + 1, at + step))
        at += step
    assert taken(witness) == list(range(1, at + 1))
    for position, subscription in joined:
        assert taken(subscription) == list(range(position + 1, at + 1))
