"""A runner that is killed or told to stop, and the next one, which goes on where it was."""

import os
import signal
from collections.abc import Callable
from itertools import pairwise

from moorage_api.events import Event
from moorage_api.resources import Phase
from moorage_scripted_model import Step, Text, ToolUse, script_prompt
from moorage_testing.runner import RunnerUnderTest

MakeRunner = Callable[..., RunnerUnderTest]
KINDS = ("local", "pod")

LONG = "tick " * 60


def slow(pause_ms: float = 50) -> Step:
    return Step.of(Text(text=LONG), chunk=5, pause_ms=pause_ms)


def stops(events: list[Event]) -> list[tuple[str, str]]:
    return [
        (event.data.message_id, event.data.content)
        for event in events
        if event.type == "message:stop"
    ]


def prompts_sent(runner: RunnerUnderTest, text: str) -> int:
    """Count how often the model reads the user's words in the last request."""
    texts: list[str] = runner.requests()[-1]["user_texts"]
    return texts.count(text)


def test_killed_in_the_middle_of_a_text(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    runner.prompt("p1", script_prompt([slow()], "Slowly."))
    for _ in range(5):
        runner.wait_for_type("message:delta")
    runner.kill()
    runner.start()
    runner.wait_for_type("message:start", message_id="p1-1", role="assistant")
    runner.wait_for_type("usage", turn_id="p1", outcome="completed")
    events = runner.all_events()
    assert [name for name, _ in stops(events)] == ["p1", "p1-1"]
    assert stops(events)[-1][1] == LONG
    assert prompts_sent(runner, "Slowly.") == 1
    runner.wait_until(lambda: runner.pending() == 0)
    ids = [tuple(map(int, event.id.split("-"))) for event in events]
    assert all(before < after for before, after in pairwise(ids))


def test_killed_in_the_middle_of_a_tool(make_runner: MakeRunner) -> None:
    runner = make_runner(spec={"claude": {"permissionMode": "bypassPermissions"}})
    runner.start()
    bash = ToolUse(name="Bash", input={"command": "echo x >> count; sleep 30"})
    steps = [Step.of(Text(text="I begin."), bash), Step.of(Text(text="Over."))]
    runner.prompt("p1", script_prompt(steps, "Use the tool."))
    runner.wait_for_type("tool:use")
    runner.wait_until((runner.repo / "count").exists)
    # Claude Code writes its transcript a little later: a kill before that loses its last words.
    runner.wait_until(lambda: '"name":"Bash"' in runner.transcript())
    runner.kill()
    runner.start()
    runner.wait_for_type("usage", turn_id="p1", outcome="completed")
    assert [name for name, _ in stops(runner.all_events())] == ["p1", "p1-1", "p1-2"]
    assert (runner.repo / "count").read_text() == "x\n"
    assert prompts_sent(runner, "Use the tool.") == 1


def test_killed_before_anything_was_answered_keeps_the_queue(make_runner: MakeRunner) -> None:
    runner = make_runner(spec={"prompt": script_prompt([slow(20)], "First.")})
    runner.start()
    runner.prompt("p2", script_prompt([Step.of(Text(text="Two."))], "Second."))
    runner.wait_for_type("session:status", phase=Phase.STARTING)
    runner.kill()
    runner.start()
    runner.wait_for_type("usage", turn_id=f"{runner.session_id}:prompt", outcome="completed")
    runner.wait_for_type("usage", turn_id="p2", outcome="completed")
    assert runner.requests()[-1]["user_texts"] == ["First.", "Second."]


def test_claude_code_killed_in_the_middle_goes_on(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    runner.prompt("p1", script_prompt([slow()], "Slowly."))
    runner.wait_for_type("message:delta")
    os.kill(runner.claude_pid, signal.SIGKILL)
    assert runner.wait_for_type("error").data.retryable
    runner.wait_for_type("usage", turn_id="p1", outcome="completed")
    assert stops(runner.all_events())[-1] == ("p1-1", LONG)
    assert prompts_sent(runner, "Slowly.") == 1


def test_told_to_stop_when_idle(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    runner.wait_for_type("session:status", phase=Phase.READY)
    runner.terminate()
    assert runner.wait() == 75
    assert runner.state().phase is Phase.SUSPENDING


def test_told_to_stop_lets_a_short_turn_end(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    runner.prompt("p1", script_prompt([slow(10)], "Shortly."))
    runner.wait_for_type("message:delta")
    runner.terminate()
    assert runner.wait() == 75
    assert runner.pending() == 0
    assert stops(runner.all_events())[-1] == ("p1-1", LONG)


def test_told_to_stop_leaves_a_long_turn_for_the_next(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start(MOORAGE_GRACE_SECONDS="5")
    runner.prompt("p1", script_prompt([slow(400), Step.of(Text(text="Went on."))], "Long."))
    runner.wait_for_type("message:delta")
    runner.terminate()
    assert runner.wait() == 75
    assert runner.pending() == 1
    runner.start()
    runner.wait_for_type("usage", turn_id="p1", outcome="completed")
    assert stops(runner.all_events())[-1] == ("p1-2", "Went on.")
    assert prompts_sent(runner, "Long.") == 1
    runner.wait_until(lambda: runner.pending() == 0)


def test_an_answer_that_was_told_in_part_is_told_whole(make_runner: MakeRunner) -> None:
    """Killed after the answer was written down and before it was told: nothing is asked again."""
    runner = make_runner()
    runner.start()
    steps = [
        Step.of(Text(text="First I look."), ToolUse(name="Bash", input={"command": "echo x"})),
        Step.of(Text(text="All is well.")),
    ]
    runner.prompt("p1", script_prompt(steps, "Please."))
    runner.wait_for_type("usage", turn_id="p1")
    runner.wait_until(lambda: runner.pending() == 0)
    runner.wait_until(lambda: "All is well." in runner.transcript().partition('"p1"')[0])
    before, asked = stops(runner.all_events()), len(runner.requests())
    runner.kill()
    runner.forget_from("tool:result")
    runner.start()
    assert runner.wait_for_type("usage", turn_id="p1").data.outcome == "completed"
    assert stops(runner.all_events()) == before
    assert [e.data.content for e in runner.all_events() if e.type == "tool:result"] == ["x"]
    assert len(runner.requests()) == asked
    runner.wait_until(lambda: runner.pending() == 0)


def test_told_to_stop_before_it_is_ready(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start(warm=True)
    runner.bind()
    runner.wait_for_type("session:status", phase=Phase.STARTING)
    runner.terminate()
    assert runner.wait() == 75


def test_a_warm_runner_that_is_not_needed_ends(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start(warm=True)
    runner.close_input()
    assert runner.wait() == 0
    assert runner.output == ""
