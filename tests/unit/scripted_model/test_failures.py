import pytest

from moorage_scripted_model import Cut, Fail, Step
from moorage_scripted_model.directives import Choice
from moorage_scripted_model.failures import Failures
from moorage_scripted_model.statistics import Statistics, Summary


def choice(step: Step, key: str = "a") -> Choice:
    return Choice(script="inline", index=0, step=step, prompt="", key=key)


FAIL = Fail(status=529, times=2)
CUT = Cut(after_deltas=1)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step(), ["answer", "answer", "answer", "answer"]),
        (Step(fail=FAIL), ["fail", "fail", "answer", "answer"]),
        (Step(cut=CUT), ["cut", "answer", "answer", "answer"]),
        (Step(fail=FAIL, cut=CUT), ["fail", "fail", "cut", "answer"]),
    ],
)
def test_a_step_fails_so_many_times(step: Step, expected: list[str]) -> None:
    failures = Failures()
    assert [failures.outcome(choice(step)) for _ in range(4)] == expected


def test_conversations_fail_on_their_own() -> None:
    failures = Failures()
    step = Step(fail=Fail(status=500))
    assert [failures.outcome(choice(step, key)) for key in "abab"] == [
        "fail",
        "fail",
        "answer",
        "answer",
    ]


def test_only_the_most_recent_are_remembered() -> None:
    failures = Failures(capacity=2)
    step = Step(fail=Fail(status=500))
    for key in "abc":
        failures.outcome(choice(step, key))
    assert failures.outcome(choice(step, "a")) == "fail"
    assert failures.outcome(choice(step, "c")) == "answer"


def test_statistics_are_bounded() -> None:
    statistics = Statistics(recent=2)
    for step in range(3):
        statistics.record(
            Summary(
                "claude", "s", "demo", step, "answer", 200, True, 1, 1, "hi", ("hi",), 3, "none"
            )
        )
    report = statistics.report()
    assert (report["requests"], report["by_script"], report["by_status"]) == (
        3,
        {"demo": 3},
        {"200": 3},
    )
    assert [summary["step"] for summary in report["recent"]] == [1, 2]
    assert [summary["step"] for summary in statistics.report(last=1)["recent"]] == [2]
