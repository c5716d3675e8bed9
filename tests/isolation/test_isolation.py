"""Each attempt fails as stated, and succeeds without what stops it."""

import pytest

from isolation import limits, network, pods, proxied, redis_logins, shown
from isolation.attempts import Outcome

NAMES = [
    *(
        each.name
        for attempts in (
            network.ATTEMPTS,
            redis_logins.ATTEMPTS,
            pods.ATTEMPTS,
            proxied.ATTEMPTS,
            *shown.ATTEMPTS.values(),
            limits.SPENDING,
            limits.GREEDY,
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


def test_there_are_enough_of_them() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 40
