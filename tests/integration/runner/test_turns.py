"""Turns of a real runner with real Claude Code."""

from collections.abc import Callable

from moorage_api.resources import Activity, Phase
from moorage_scripted_model import Step, Text, Thinking, ToolUse, script_prompt
from moorage_testing.runner import RunnerUnderTest

MakeRunner = Callable[..., RunnerUnderTest]
KINDS = ("local", "pod")


def test_a_turn_streams_and_is_settled(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    runner.wait_for_type("session:status", phase=Phase.READY)
    steps = [
        Step.of(
            Thinking(thinking="I think."),
            Text(text="I write it down."),
            ToolUse(name="Bash", input={"command": "echo moored"}),
        ),
        Step.of(Text(text="The tool said {tool_result}.")),
    ]
    runner.prompt("p1", script_prompt(steps, "Please do it."))
    runner.wait_for_type("session:status", activity=Activity.WORKING)
    assert runner.wait_for_type("message:stop").data.role == "user"
    assert runner.wait_for_type("message:start").data.message_id == "p1-1"
    runner.wait_for_type("thinking:start", message_id="p1-1")
    assert runner.wait_for_type("tool:use").data.input["command"] == "echo moored"
    assert runner.wait_for_type("tool:result").data.content == "moored"
    last = runner.wait_for_type("message:stop", message_id="p1-2").data
    assert last.content == "The tool said moored."
    usage = runner.wait_for_type("usage", outcome="completed").data
    assert usage.turn.turns == usage.total.turns == 1
    assert usage.turn.cost_usd > 0
    runner.wait_for_type("session:status", activity=Activity.IDLE)
    runner.wait_until(lambda: runner.pending() == 0)
    runner.wait_until(lambda: runner.state().last_turn_outcome == "completed")


def test_a_second_turn_remembers_the_first(make_runner: MakeRunner) -> None:
    runner = make_runner(spec={"prompt": script_prompt([Step.of(Text(text="Aye."))], "First.")})
    runner.start()
    first = runner.wait_for_type("usage").data
    assert first.turn_id == f"{runner.session_id}:prompt"
    runner.prompt("second", script_prompt([Step.of(Text(text="Aye again."))], "Second."))
    second = runner.wait_for_type("usage").data
    assert second.total.turns == 2
    assert second.total.cost_usd > first.total.cost_usd
    assert runner.requests()[-1]["user_texts"] == ["First.", "Second."]
    runner.wait_for_type("session:status", activity=Activity.IDLE)
    assert "> First." in runner.output
    assert "Aye again." in runner.output


def test_a_batch_session_ends_with_its_answer(make_runner: MakeRunner) -> None:
    prompt = script_prompt([Step.of(Text(text="Done at once."))])
    runner = make_runner(spec={"prompt": prompt, "interactive": False})
    runner.start()
    assert runner.wait() == 0
    assert runner.state().phase is Phase.SUCCEEDED
    assert [e.data.outcome for e in runner.all_events() if e.type == "usage"] == ["completed"]


def test_a_batch_session_ends_after_its_work_in_the_background(make_runner: MakeRunner) -> None:
    command = {"command": "sleep 2; echo x > over", "run_in_background": True}
    steps = [Step.of(ToolUse(name="Bash", input=command)), Step.of(Text(text="It runs."))]
    spec = {
        "prompt": script_prompt(steps),
        "interactive": False,
        "claude": {"permissionMode": "bypassPermissions"},
    }
    runner = make_runner(spec=spec)
    runner.start()
    runner.wait_for_type("usage", outcome="completed")
    assert not (runner.repo / "over").exists()
    assert runner.wait() == 0
    assert (runner.repo / "over").read_text() == "x\n"
    assert runner.state().phase is Phase.SUCCEEDED
    said = [e.data.content for e in runner.all_events() if e.type == "message:stop"]
    assert said[-1] == "done"  # Claude Code heard of the end, and answered


def test_what_came_twice_counts_once(make_runner: MakeRunner) -> None:
    runner = make_runner()
    prompt = script_prompt([Step.of(Text(text="Once."))], "Only once.")
    for name in ("p1", "p1", "p2", "p1"):
        runner.prompt(name, prompt)
    runner.start()
    runner.wait_for_type("usage", turn_id="p2")
    runner.wait_until(lambda: runner.pending() == 0)
    turns = [e.data.turn_id for e in runner.all_events() if e.type == "usage"]
    assert turns == ["p1", "p2"]
