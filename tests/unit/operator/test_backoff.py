from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_operator.backoff import LONGEST, backoff, chance

SECOND = timedelta(seconds=1)
bases = st.timedeltas(timedelta(milliseconds=1), timedelta(days=366))


@settings(max_examples=100, deadline=None)
@given(bases, st.integers(0, 1000), st.uuids())
def test_a_wait_is_between_half_of_the_longest_and_all_of_it(
    base: timedelta, attempt: int, uid: object
) -> None:
    wait = backoff(base, attempt, str(uid))
    assert min(base, LONGEST) / 2 <= wait + timedelta(microseconds=1)
    assert wait <= LONGEST
    assert wait == backoff(base, attempt, str(uid))


def test_waits_double_up_to_the_longest() -> None:
    waits = [backoff(SECOND, attempt, "x") / SECOND for attempt in range(1, 15)]
    for attempt, wait in enumerate(waits):
        longest = min(2**attempt, 300)
        assert longest / 2 <= wait <= longest


def test_sessions_that_failed_together_do_not_come_back_together() -> None:
    chances = [chance(str(uid), 1) for uid in range(1000)]
    tenths = [sum(n / 10 <= each < (n + 1) / 10 for each in chances) for n in range(10)]
    assert min(tenths) > 60
