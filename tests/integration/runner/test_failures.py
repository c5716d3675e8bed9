"""The model fails, Redis is away, inputs are wrong, the start is impossible."""

import json
from collections.abc import Callable

from moorage_api.inbox import FIELD
from moorage_api.resources import Activity, Phase
from moorage_scripted_model import Cut, Fail, Step, Text, script_prompt
from moorage_testing.redis import running_redis
from moorage_testing.runner import RunnerUnderTest

MakeRunner = Callable[..., RunnerUnderTest]

HASTY = "moorage_testing.hasty_runner"


def test_a_passing_failure_is_retried(make_runner: MakeRunner) -> None:
    runner = make_runner(module=HASTY)
    runner.start()
    failing = Step.of(Text(text="Fine now."), fail=Fail(status=529, times=4))
    runner.prompt("p1", script_prompt([failing], "Try."))
    runner.wait_for_type("session:status", activity=Activity.RATE_LIMITED)
    error = runner.wait_for_type("error").data
    assert (error.code, error.retryable, error.attempt) == ("MODEL_529", True, 1)
    runner.wait_for_type("usage", turn_id="p1", outcome="completed")
    assert runner.requests()[-1]["user_texts"].count("Try.") == 1
    assert runner.dead() == []


def test_a_lasting_failure_is_given_up_and_the_next_goes_on(make_runner: MakeRunner) -> None:
    runner = make_runner(module=HASTY)
    runner.start()
    failing = Step.of(Text(text="Never."), fail=Fail(status=529, times=99))
    runner.prompt("p1", script_prompt([failing], "Try."))
    runner.prompt("p2", script_prompt([Step.of(Text(text="Fine."))], "Next."))
    runner.wait_for_type("error", retryable=False)
    runner.wait_for_type("usage", turn_id="p1", outcome="failed")
    runner.wait_for_type("usage", turn_id="p2", outcome="completed")
    runner.wait_until(lambda: runner.pending() == 0)
    (dead,) = runner.dead()
    assert json.loads(dead[FIELD])["inputId"] == "p1"
    assert dead[b"reason"] == b"RetriesExhausted"


def test_a_refusal_is_given_up_at_once(make_runner: MakeRunner) -> None:
    prompt = script_prompt([Step.of(Text(text="No."), fail=Fail(status=400, times=9))])
    runner = make_runner(spec={"prompt": prompt, "interactive": False})
    runner.start()
    assert runner.wait() == 1
    assert runner.state().phase is Phase.FAILED
    assert json.loads(runner.termination_log.read_text())["reason"] == runner.state().reason
    (dead,) = runner.dead()
    assert dead[b"reason"] == b"MODEL_400"


def test_a_message_cut_off_comes_anew_under_its_id(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    cut = Step.of(Text(text="All hands. " * 20), pause_ms=60, cut=Cut(after_deltas=3))
    runner.prompt("p1", script_prompt([cut], "Cut."))
    runner.wait_for_type("usage", outcome="completed")
    starts = [e.data.message_id for e in runner.all_events() if e.type == "message:start"]
    assert starts == ["p1", "p1-1", "p1-1"]


def test_redis_stops_in_the_middle_of_a_turn(make_runner: MakeRunner) -> None:
    text = "tick " * 60
    with running_redis(persistent=True) as redis:
        runner = make_runner(redis)
        runner.start()
        slow = Step.of(Text(text=text), chunk=5, pause_ms=25)
        runner.prompt("p1", script_prompt([slow], "Slowly."))
        runner.wait_for_type("message:delta")
        redis.kill()
        redis.start()
        runner.wait_for_type("usage", turn_id="p1", outcome="completed")
        runner.wait_until(lambda: runner.pending() == 0)
        deltas = [e.data.text for e in runner.all_events() if e.type == "message:delta"]
        assert "".join(deltas) == text
        assert not [e for e in runner.all_events() if e.type == "gap"]


def test_redis_loses_everything_in_the_middle_of_a_turn(make_runner: MakeRunner) -> None:
    with running_redis() as redis:
        runner = make_runner(redis)
        runner.start()
        slow = Step.of(Text(text="tick " * 60), chunk=5, pause_ms=25)
        runner.prompt("p1", script_prompt([slow], "Slowly."))
        runner.wait_for_type("message:delta")
        redis.kill()
        redis.start()
        assert runner.wait_for_type("gap").data.reason == "lost"
        runner.wait_for_type("usage", turn_id="p1", outcome="completed")
        runner.prompt("p2", script_prompt([Step.of(Text(text="Two."))], "Second."))
        runner.wait_for_type("usage", turn_id="p2", outcome="completed")
        assert runner.state().usage.turns == 2


def test_an_invalid_input_is_buried(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    with runner.redis() as redis:
        redis.xadd(runner.keys.inbox, {FIELD: b"{}"})
    assert runner.wait_for_type("error").data.code == "INPUT_INVALID"
    runner.wait_until(lambda: len(runner.dead()) == 1 and runner.pending() == 0)


def test_a_budget_of_prompts_is_kept(make_runner: MakeRunner) -> None:
    runner = make_runner(spec={"budget": {"maxTurns": 1}})
    runner.start()
    prompt = script_prompt([Step.of(Text(text="Once."))])
    runner.prompt("p1", prompt)
    runner.prompt("p2", prompt)
    runner.wait_for_type("usage", turn_id="p1")
    assert runner.wait_for_type("error", turn_id="p2").data.code == "BUDGET_EXCEEDED"
    runner.wait_until(lambda: runner.pending() == 0)
    assert len(runner.dead()) == 1


def test_a_repository_that_is_not_there(make_runner: MakeRunner) -> None:
    runner = make_runner(spec={"repository": {"url": "/nowhere/at/all"}})
    runner.start()
    assert runner.wait() == 1
    state = runner.state()
    assert state.phase is Phase.FAILED
    assert json.loads(runner.termination_log.read_text()) == {
        "reason": state.reason,
        "message": state.message,
    }


def test_an_invalid_spec_is_told(make_runner: MakeRunner) -> None:
    runner = make_runner(spec={"repository": {"url": "x", "typo": 1}})
    runner.start()
    assert runner.wait() == 1
    assert json.loads(runner.termination_log.read_text())["reason"] == "SpecInvalid"
