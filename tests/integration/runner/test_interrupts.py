"""Interrupts, and changes of mode and model, in the middle of work."""

from collections.abc import Callable

from moorage_api.inbox import Interrupt, SetMode, SetModel
from moorage_api.resources import Activity
from moorage_scripted_model import Step, Text, ToolUse, script_prompt
from moorage_testing.runner import RunnerUnderTest

MakeRunner = Callable[..., RunnerUnderTest]

SLOW = Step.of(Text(text="tick " * 400), chunk=5, pause_ms=50)
QUICK = script_prompt([Step.of(Text(text="Quick."))], "Quickly.")


def test_an_interrupt_ends_the_turn_and_the_next_goes_on(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    runner.prompt("p1", script_prompt([SLOW], "Slowly."))
    runner.prompt("p2", QUICK)
    runner.wait_for_type("message:delta")
    runner.send(Interrupt(input_id="i1"))
    stopped = runner.wait_for_type("message:stop", message_id="p1-1").data
    assert stopped.content.startswith("tick ")
    assert stopped.stop_reason == "interrupted"
    runner.wait_for_type("usage", turn_id="p1", outcome="interrupted")
    runner.wait_for_type("usage", turn_id="p2", outcome="completed")
    runner.wait_until(lambda: runner.pending() == 0)


def test_an_interrupt_of_another_turn_does_nothing(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    slow = Step.of(Text(text="tick " * 20), chunk=5, pause_ms=20)
    runner.prompt("p1", script_prompt([slow], "Slowly."))
    runner.wait_for_type("message:delta")
    runner.send(Interrupt(input_id="i1", turn_id="p0"))
    runner.wait_for_type("usage", turn_id="p1", outcome="completed")
    runner.wait_until(lambda: runner.pending() == 0)


def test_mode_and_model_change_and_last(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    runner.send(SetMode(input_id="m1", mode="bypassPermissions"))
    runner.send(SetModel(input_id="m2", model="claude-sonnet-4-5"))
    runner.wait_for_type("system:event")
    runner.wait_for_type("system:event")
    write = ToolUse(name="Write", input={"file_path": "a.md", "content": "a"})
    steps = [Step.of(write), Step.of(Text(text="Written."))]
    runner.prompt("p1", script_prompt(steps, "Write."))
    runner.wait_for_type("usage", outcome="completed")
    assert runner.requests()[-1]["model"] == "claude-sonnet-4-5"
    runner.wait_for_type("session:status", activity=Activity.IDLE)
    runner.kill()
    runner.start()
    runner.prompt("p2", QUICK)
    runner.wait_for_type("usage", turn_id="p2")
    assert runner.requests()[-1]["model"] == "claude-sonnet-4-5"
    assert runner.state().permission_mode == "bypassPermissions"
