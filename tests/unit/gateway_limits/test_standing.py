"""What remains and when there will be more, against a model that tries every millisecond."""

from hypothesis import given
from hypothesis import strategies as st

from moorage_gateway.limits.standing import Standing

WINDOW = 600


def weighted(standing: Standing, after: int) -> int:
    """Count as the library's script does, ``after`` ms later."""
    previous, previous_left = standing.previous, standing.previous_left
    current, current_left = standing.current, standing.current_left
    if current_left - after < WINDOW:  # this window became the one before
        previous, previous_left, current = current, current_left, 0
    left = max(0, previous_left - after)
    return previous * left // WINDOW + current


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    limit = draw(st.integers(1, 50))
    left = draw(st.integers(1, WINDOW - 1))
    return Standing(
        admitted=True,
        limit=limit,
        window=WINDOW,
        previous=draw(st.integers(0, limit)),
        previous_left=left,
        current=draw(st.integers(0, limit)),
        current_left=left + WINDOW,
    )


@given(standings())
def test_the_wait_is_the_shortest_after_which_a_request_is_admitted(standing: Standing) -> None:
    wait = standing.wait_ms
    assert weighted(standing, wait) < standing.limit
    assert all(weighted(standing, early) >= standing.limit for early in range(wait))


@given(standings())
def test_what_remains_is_what_would_be_admitted_now(standing: Standing) -> None:
    assert standing.remaining == max(0, standing.limit - weighted(standing, 0))
    assert (standing.remaining > 0) == (standing.wait_ms == 0)


@given(standings())
def test_seconds_are_rounded_up_and_never_none(standing: Standing) -> None:
    assert standing.retry_after_seconds * 1000 >= standing.wait_ms
    assert standing.retry_after_seconds >= 1
    assert standing.reset_seconds >= 1


def test_a_refused_request_leaves_none() -> None:
    refused = Standing(
        admitted=False,
        limit=10,
        window=60_000,
        previous=0,
        previous_left=0,
        current=10,
        current_left=95_000,
    )
    assert (refused.remaining, refused.retry_after_seconds, refused.reset_seconds) == (0, 36, 36)
