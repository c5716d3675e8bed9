"""A session's budget, kept by the runner; the hard limit stands outside the pod."""

import json
from collections.abc import Callable

from moorage_api.inbox import FIELD
from moorage_api.reasons import Reason
from moorage_api.resources import Phase
from moorage_scripted_model import Step, Text, ToolUse, script_prompt
from moorage_testing.runner import RunnerUnderTest

MakeRunner = Callable[..., RunnerUnderTest]

ONCE = script_prompt([Step.of(Text(text="Once."))])


def test_a_budget_of_prompts_is_kept(make_runner: MakeRunner) -> None:
    runner = make_runner(spec={"budget": {"maxTurns": 1}})
    runner.start()
    runner.prompt("p1", ONCE)
    runner.prompt("p2", ONCE)
    runner.wait_for_type("usage", turn_id="p1")
    assert runner.wait_for_type("error", turn_id="p2").data.code == "BUDGET_EXCEEDED"
    runner.wait_until(lambda: runner.pending() == 0)
    assert len(runner.dead()) == 1


def test_a_turn_that_goes_over_the_budget_ends_and_no_other_begins(
    make_runner: MakeRunner,
) -> None:
    runner = make_runner(spec={"budget": {"maxCostUsd": 0.0001}})
    runner.start()
    touch = ToolUse(name="Bash", input={"command": "echo over"})
    runner.prompt("p1", script_prompt([Step.of(touch), Step.of(Text(text="Never."))], "Spend."))
    runner.prompt("p2", ONCE)
    error = runner.wait_for_type("error", turn_id="p1").data
    assert (error.code, error.retryable) == ("BUDGET_EXCEEDED", False)
    assert error.message == "The session's budget is used up."
    assert runner.wait_for_type("usage", turn_id="p1").data.outcome == "failed"
    refused = runner.wait_for_type("error", turn_id="p2").data
    assert refused.code == "BUDGET_EXCEEDED"
    assert "0.0001 US dollars" in refused.message
    runner.wait_until(lambda: runner.pending() == 0)
    buried = [(json.loads(e[FIELD])["inputId"], e[b"reason"].decode()) for e in runner.dead()]
    assert buried == [("p1", Reason.BUDGET_EXCEEDED), ("p2", Reason.BUDGET_EXCEEDED)]
    assert len(runner.requests()) == 1


def test_a_session_whose_budget_is_spent_starts_again(make_runner: MakeRunner) -> None:
    """It answers no prompt, but files and history are there, and it says why."""
    runner = make_runner(spec={"budget": {"maxCostUsd": 0.0001}})
    runner.start()
    runner.prompt("p1", ONCE)
    runner.wait_for_type("usage", turn_id="p1")
    runner.terminate()
    assert runner.wait() == 75
    runner.start()
    runner.prompt("p2", ONCE)
    assert runner.wait_for_type("error", turn_id="p2").data.code == "BUDGET_EXCEEDED"
    runner.wait_until(lambda: runner.pending() == 0)
    assert runner.state().phase is Phase.READY


def test_what_was_spent_before_a_suspension_counts_once(make_runner: MakeRunner) -> None:
    """Claude Code remembers what a conversation cost; the runner must not count that again."""
    runner = make_runner(spec={"budget": {"maxCostUsd": 100}})
    runner.start()
    touch = ToolUse(name="Bash", input={"command": "echo twice"})
    twice = script_prompt([Step.of(touch), Step.of(Text(text="Twice."))])
    runner.prompt("p1", twice)
    spent = runner.wait_for_type("usage", turn_id="p1").data.total.cost_usd
    runner.terminate()
    assert runner.wait() == 75
    runner.rewrite_spec(budget={"maxCostUsd": spent * 2.25})
    runner.start()
    runner.prompt("p2", twice)
    usage = runner.wait_for_type("usage", turn_id="p2").data
    assert usage.outcome == "completed"
    assert spent < usage.total.cost_usd < spent * 2.25
