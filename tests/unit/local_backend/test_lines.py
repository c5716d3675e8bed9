from moorage_api.resources import Phase
from moorage_gateway.backends.local.lines import Limits, places


def test_first_come_first_served_within_both_limits() -> None:
    waiting = ["a", "b", "c", "d"]
    assert places(waiting, [], Limits(running=9, starting=2)) == {"a": 0, "b": 0, "c": 1, "d": 2}
    assert places(waiting, [Phase.STARTING], Limits(9, 2)) == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert places(waiting, [Phase.READY] * 8, Limits(9, 2)) == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert places(waiting, [Phase.READY] * 9, Limits(9, 2)) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert places(["a"], [Phase.SUSPENDING] * 12, Limits(9, 2)) == {"a": 1}
