"""The model fails, Redis is away, inputs are wrong, the start is impossible."""

import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from moorage_api.events import Event, SessionStatusEvent
from moorage_api.inbox import FIELD
from moorage_api.resources import Activity, Phase
from moorage_runner.attempts import MAX_DEATHS
from moorage_runner.retry import RetryPolicy
from moorage_scripted_model import Cut, Fail, Step, Text, script_prompt
from moorage_testing.git import GitRepository, serving_git
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


def test_no_try_comes_before_the_model_allows_it(make_runner: MakeRunner) -> None:
    """Not Claude Code's own tries, and not those of the runner after them."""
    runner = make_runner(policy=RetryPolicy(first=0.01, longest=0.01))
    runner.start()
    failing = Step.of(Text(text="Fine now."), fail=Fail(status=429, times=3, retry_after=1))
    runner.prompt("p1", script_prompt([failing], "Try."))
    waits = runner.wait_for(lambda event: event.type == "error")
    answer = runner.wait_for_type("message:start", role="assistant")
    assert answer.timestamp - waits.timestamp >= timedelta(seconds=1)
    runner.wait_for_type("usage", turn_id="p1", outcome="completed")
    assert [r["status"] for r in runner.requests()] == [429, 429, 429, 200]


def test_a_retry_after_too_long_for_claude_code_is_not_taken_for_none(
    make_runner: MakeRunner,
) -> None:
    """It gives up at once and does not say how long it is: the runner is patient then."""
    runner = make_runner(policy=RetryPolicy(first=0.01, longest=2.0))
    runner.start()
    failing = Step.of(Text(text="Fine now."), fail=Fail(status=429, times=1, retry_after=600))
    runner.prompt("p1", script_prompt([failing], "Try."))
    waits = runner.wait_for_type("error")
    answer = runner.wait_for_type("message:start", role="assistant")
    assert answer.timestamp - waits.timestamp >= timedelta(seconds=1)
    assert [r["status"] for r in runner.requests()] == [429, 200]


def test_a_network_that_comes_late_is_waited_for(make_runner: MakeRunner, tmp_path: Path) -> None:
    """As a new pod's does: its policies and names are in force a moment after it runs."""
    GitRepository.create(tmp_path / "origin")
    with serving_git(tmp_path, refusing=True) as server:
        runner = make_runner(spec={"repository": {"url": f"{server.url}/origin/.git"}})
        runner.start()
        runner.wait_for(awaits_network)
        server.listen()
        ready = runner.wait_for_type("session:status", phase=Phase.READY)
    assert ready.data.message is None
    assert (runner.repo / "README.md").exists()


def awaits_network(event: Event) -> bool:
    """Whether it says that the clone waits for the network."""
    if not isinstance(event, SessionStatusEvent):
        return False
    said = event.data.message or ""
    return event.data.phase is Phase.STARTING and "it is tried again in" in said


def test_a_message_cut_off_comes_anew_under_its_id(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    cut = Step.of(Text(text="All hands. " * 20), pause_ms=60, cut=Cut(after_deltas=3))
    runner.prompt("p1", script_prompt([cut], "Cut."))
    runner.wait_for_type("usage", outcome="completed")
    starts = [e.data.message_id for e in runner.all_events() if e.type == "message:start"]
    assert starts == ["p1", "p1-1", "p1-1"]


def test_claude_code_that_ends_again_and_again_ends_the_session(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    slow = Step.of(Text(text="tick " * 200), chunk=5, pause_ms=50)
    runner.prompt("p1", script_prompt([slow], "Slowly."))
    for death in range(MAX_DEATHS + 1):
        if death:
            error = runner.wait_for_type("error").data
            assert (error.code, error.retryable, error.attempt) == ("CLAUDE_ENDED", True, death)
        runner.wait_for_type("message:start", role="assistant")
        runner.wait_for_type("message:delta")
        os.kill(runner.claude_pid, signal.SIGKILL)
    assert runner.wait() == 1
    state = runner.state()
    assert (state.phase, state.reason) == (Phase.FAILED, "ClaudeEnded")
    assert json.loads(runner.termination_log.read_text()) == {
        "reason": state.reason,
        "message": state.message,
    }
    assert (runner.pending(), runner.dead()) == (1, [])


def test_redis_is_away_when_a_runner_starts(make_runner: MakeRunner) -> None:
    with running_redis() as redis:
        redis.kill()
        runner = make_runner(redis, policy=RetryPolicy(redis_at_start=0.5))
        runner.start()
        assert runner.wait() == 75
        message = json.loads(runner.termination_log.read_text())["message"]
        assert message == "Redis did not answer within 0.5 s."


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
