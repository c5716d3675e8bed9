"""Each attempt fails as stated, and succeeds without what stops it."""

import pytest

from isolation import limits, network, pods, proxied, redis_logins, shown
from isolation.attempts import Outcome
from isolation.siege import Siege

NAMES = [
    *(
        each.name
        for attempts in (
            network.ATTEMPTS,
            redis_logins.ATTEMPTS,
            pods.ATTEMPTS,
            proxied.ATTEMPTS,
            *shown.ATTEMPTS.values(),
            *(attempts for _, attempts in limits.GREEDY.values()),
            [limits.SPENDING],
            limits.FLOODING,
        )
        for each in attempts
    ),
    *limits.FILLING,
]


@pytest.mark.parametrize("name", NAMES)
def test_it_fails_and_succeeds_without_the_measure(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    seen = f"seen: {outcome.seen}\nwithout the measure: {outcome.seen_without}"
    assert outcome.deviations == [], seen


def test_a_neighbour_s_events_are_hardly_later_than_beside_honest_work(over: Siege) -> None:
    assert over.lateness.deviations == [], over.lateness


def test_there_are_enough_of_them() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 40
