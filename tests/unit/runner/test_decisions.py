"""The runner's pure decisions, as tables."""

import random
from itertools import pairwise

import pytest

from moorage_api.backoff import Backoff
from moorage_api.reasons import Reason
from moorage_api.resources import Usage
from moorage_api.resources.parts import Budget
from moorage_runner import resume, retry
from moorage_runner.budget import LEAST_USD, refusal, remaining_usd
from moorage_runner.entry_ids import EntryIds
from moorage_runner.resume import Evidence, Step
from moorage_runner.retry import Again, GiveUp, RetryPolicy, Told
from moorage_runner.translate import TurnResult, read_result

POLICY = RetryPolicy(limit=3, first=2, longest=10, longest_known=3600)


def failed(
    status: int | None = None, cause: str | None = None, reason: str = "api_error"
) -> TurnResult:
    return TurnResult("failed", reason, status, cause, "It failed.", Usage(), 0, frozenset())


def most(_: float, high: float) -> float:
    return high


@pytest.mark.parametrize(
    ("result", "tries", "delay"),
    [
        (failed(529), 0, 2),
        (failed(529), 1, 4),
        (failed(500), 2, 8),
        (failed(503), 2, 8),
        (failed(408), 0, 2),
        (failed(cause="connection_failed"), 1, 4),
    ],
)
def test_a_passing_failure_is_tried_again(result: TurnResult, tries: int, delay: float) -> None:
    assert retry.decide(result, tries, POLICY, draw=most) == Again(delay)


def test_a_wait_is_never_longer_than_the_longest() -> None:
    patient = RetryPolicy(limit=99, first=2, longest=10)
    assert retry.decide(failed(529), 50, patient, draw=most) == Again(10)


def test_a_known_end_of_a_rate_limit_is_waited_for() -> None:
    assert retry.decide(failed(429), 0, POLICY, Told(100.0), most) == Again(102.0)
    late = retry.decide(failed(429), 0, POLICY, Told(7200.0), most)
    assert isinstance(late, GiveUp)
    assert "2 hours" in late.message


def test_no_try_comes_sooner_than_the_cli_was_told() -> None:
    assert retry.decide(failed(429), 0, POLICY, Told(last_wait=30.0), most) == Again(30.0)
    assert retry.decide(failed(429), 1, POLICY, Told(last_wait=3.0), most) == Again(4)


def test_a_rate_limit_too_long_for_the_cli_is_waited_out() -> None:
    assert retry.decide(failed(429), 0, POLICY, draw=lambda low, _: low) == Again(5)
    assert retry.decide(failed(429), 0, POLICY, draw=most) == Again(10)
    assert isinstance(retry.decide(failed(429), 3, POLICY), GiveUp)


def test_a_reason_is_written_as_the_codes_are() -> None:
    assert GiveUp(Reason.BUDGET_EXCEEDED, "").code == "BUDGET_EXCEEDED"
    assert GiveUp("MODEL_401", "").code == "MODEL_401"


@pytest.mark.parametrize(
    ("result", "tries", "reason"),
    [
        (failed(529), 3, "RetriesExhausted"),
        (failed(401), 0, "MODEL_401"),
        (failed(400), 0, "MODEL_400"),
        (failed(404), 0, "MODEL_404"),
        (failed(), 0, "API_ERROR"),
        (failed(reason="max_turns"), 0, "MAX_TURNS"),
        (failed(reason="budget_exhausted"), 0, "BudgetExceeded"),
    ],
)
def test_a_lasting_failure_is_given_up(result: TurnResult, tries: int, reason: str) -> None:
    decision = retry.decide(result, tries, POLICY)
    assert isinstance(decision, GiveUp)
    assert decision.reason == reason
    assert decision.message.endswith(".")


@pytest.mark.parametrize(
    ("evidence", "step"),
    [
        (Evidence(), Step.SEND),
        (Evidence(in_transcript=True), Step.CONTINUE),
        (Evidence(in_transcript=True, answered=True), Step.COMPLETE),
        (Evidence(ended=True), Step.SETTLE),
        (Evidence(ended=True, in_transcript=True), Step.SETTLE),
    ],
)
def test_what_to_do_with_a_prompt(evidence: Evidence, step: Step) -> None:
    assert resume.decide(evidence) is step


def test_a_budget_refuses_when_it_is_used_up() -> None:
    used = Usage(turns=2, cost_usd=1.5)
    assert refusal(Budget(), used) is None
    assert refusal(Budget(max_turns=3, max_cost_usd=2), used) is None
    assert refusal(Budget(max_turns=2), used)
    assert refusal(Budget(max_cost_usd=1.5), used)
    assert remaining_usd(Budget(max_cost_usd=2), used) == 0.5
    assert remaining_usd(Budget(max_cost_usd=1), used) == LEAST_USD
    assert remaining_usd(Budget(), used) is None


def test_entry_ids_only_go_up() -> None:
    clock = iter([5, 5, 3, 9, 1, 20])
    ids = EntryIds(lambda: next(clock))
    names = [ids.next(), ids.next(), ids.next(), ids.next()]
    ids.stay_above("15-7")
    ids.stay_above("4-0")
    names += [ids.next(), ids.next()]
    assert names == ["5-0", "5-1", "5-2", "9-0", "15-8", "20-0"]
    numbers = [tuple(map(int, name.split("-"))) for name in names]
    assert all(before < after for before, after in pairwise(numbers))


def test_backoff_doubles_to_its_limit_and_begins_anew() -> None:
    backoff = Backoff(first=1, longest=5, draw=most)
    assert [backoff.next() for _ in range(4)] == [1, 2, 4, 5]
    backoff.reset()
    assert backoff.next() == 1
    spread = Backoff(first=1, longest=5, draw=random.uniform)
    assert all(0.5 <= spread.next() <= 5 for _ in range(20))


def test_success_may_be_an_error() -> None:
    raw = {"type": "result", "subtype": "success", "is_error": True, "terminal_reason": "api_error"}
    assert read_result(raw).ending == "failed"
    assert read_result({**raw, "terminal_reason": "aborted_tools"}).ending == "interrupted"
    assert read_result({**raw, "is_error": False}).ending == "completed"


def test_usage_is_the_turns_own() -> None:
    model = {"inputTokens": 5, "cacheReadInputTokens": 2, "outputTokens": 3, "costUSD": 0.5}
    raw = {
        "type": "result",
        "total_cost_usd": 99,
        "usage": {"input_tokens": 1},
        "model_usage_since_last_result": {"a": model, "b": model},
    }
    usage = read_result(raw).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cost_usd) == (14, 6, 1.0)
