"""Requests for permission of a real runner with real Claude Code."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from moorage_api.inbox import Interrupt, PermissionDecision
from moorage_api.resources import Activity
from moorage_scripted_model import Step, Text, ToolUse, script_prompt
from moorage_testing.runner import RunnerUnderTest

MakeRunner = Callable[..., RunnerUnderTest]

RESULT = Step.of(Text(text="It said: {tool_result}"))


def write(content: str = "one\ntwo\n") -> ToolUse:
    return ToolUse(name="Write", input={"file_path": "notes.md", "content": content})


def decide(request: Any, decision: str, **fields: Any) -> PermissionDecision:
    return PermissionDecision.model_validate(
        {
            "input_id": f"d-{request.approval_id}",
            "approval_id": request.approval_id,
            "decision": decision,
            **fields,
        }
    )


def asked(runner: RunnerUnderTest, *steps: Step, name: str = "p1") -> Any:
    runner.prompt(name, script_prompt(steps, "Please."))
    return runner.wait_for_type("permission:requested").data


def test_allowed_once(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    request = asked(runner, Step.of(write()), RESULT)
    assert request.approval_id.startswith("p1:")
    assert request.summary == "Write the file notes.md"
    assert "+one\n+two\n" in request.diff
    runner.wait_for_type("session:status", activity=Activity.AWAITING_APPROVAL)
    runner.wait_until(lambda: len(runner.state().pending_approvals) == 1)
    runner.send(decide(request, "allow"))
    assert runner.wait_for_type("permission:resolved").data.outcome == "allow"
    runner.wait_for_type("usage", outcome="completed")
    assert (runner.repo / "notes.md").read_text() == "one\ntwo\n"
    runner.wait_until(lambda: runner.pending() == 0)
    assert runner.state().pending_approvals == []


def test_denied_with_a_message(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    request = asked(runner, Step.of(write()), RESULT)
    runner.send(decide(request, "deny", message="Not on my boat."))
    assert runner.wait_for_type("permission:resolved").data.outcome == "deny"
    result = runner.wait_for_type("tool:result").data
    assert result.is_error
    assert "Not on my boat." in result.content
    runner.wait_for_type("usage", outcome="completed")
    assert not (runner.repo / "notes.md").exists()


def test_an_updated_input_is_what_runs(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    request = asked(runner, Step.of(write()), RESULT)
    changed = {**request.input, "content": "three\n"}
    runner.send(decide(request, "allow", updated_input=changed))
    runner.wait_for_type("usage", outcome="completed")
    assert (runner.repo / "notes.md").read_text() == "three\n"


def test_what_nobody_decides_expires(make_runner: MakeRunner) -> None:
    runner = make_runner(spec={"timeouts": {"approval": "700ms"}})
    runner.start()
    request = asked(runner, Step.of(write()), RESULT)
    assert request.expires_at - request.requested_at == timedelta(milliseconds=700)
    assert runner.wait_for_type("permission:resolved").data.outcome == "expired"
    runner.wait_for_type("usage", outcome="completed")
    assert not (runner.repo / "notes.md").exists()


def test_allowed_for_the_session_is_not_asked_again(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    bash = ToolUse(name="Bash", input={"command": "touch made; rm made"})
    request = asked(runner, Step.of(bash), Step.of(bash), RESULT)
    runner.send(decide(request, "allow", scope="session"))
    runner.wait_for_type("usage", outcome="completed")
    runner.kill()
    runner.start()
    runner.prompt("p2", script_prompt([Step.of(bash), RESULT], "Again."))
    runner.wait_for_type("usage", turn_id="p2", outcome="completed")
    assert sum(e.type == "permission:requested" for e in runner.all_events()) == 1


def test_a_prompts_own_rules_hold_for_its_turn(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    prompt = script_prompt([Step.of(write()), RESULT], "Please.")
    runner.prompt("p1", prompt, allowed_tools=["Write"])
    runner.wait_for_type("usage", turn_id="p1", outcome="completed")
    assert (runner.repo / "notes.md").read_text() == "one\ntwo\n"
    assert not [e for e in runner.all_events() if e.type == "permission:requested"]
    request = asked(runner, Step.of(write("three\n")), RESULT, name="p2")
    assert request.approval_id.startswith("p2:")
    runner.send(decide(request, "deny"))
    runner.wait_for_type("usage", turn_id="p2", outcome="completed")
    assert (runner.repo / "notes.md").read_text() == "one\ntwo\n"


def test_an_interrupt_cancels_what_waits(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start()
    request = asked(runner, Step.of(write()), RESULT)
    runner.send(Interrupt(input_id="i1", turn_id="p1"))
    resolved = runner.wait_for_type("permission:resolved").data
    assert (resolved.approval_id, resolved.outcome) == (request.approval_id, "cancelled")
    runner.wait_for_type("usage", outcome="interrupted")
    runner.send(decide(request, "allow"))
    runner.wait_until(lambda: runner.pending() == 0)
    assert not (runner.repo / "notes.md").exists()


def test_a_request_outlives_its_runner(make_runner: MakeRunner) -> None:
    """The decision comes while there is no runner; the next one asks nobody again."""
    runner = make_runner()
    runner.start()
    steps = [Step.of(write())] * 3  # what was said last before a kill may be said again
    request = asked(runner, *steps, RESULT)
    runner.kill()
    runner.send(decide(request, "allow", scope="session"))
    runner.start()
    resolved = runner.wait_for_type("permission:resolved").data
    assert (resolved.approval_id, resolved.outcome) == (request.approval_id, "allow")
    runner.wait_for_type("usage", outcome="completed")
    runner.wait_until(lambda: runner.pending() == 0)
    requests = [e.data for e in runner.all_events() if e.type == "permission:requested"]
    assert requests == [request]


def test_a_deadline_outlives_its_runner(make_runner: MakeRunner) -> None:
    runner = make_runner(spec={"timeouts": {"approval": "4s"}})
    runner.start()
    request = asked(runner, *[Step.of(write())] * 3, RESULT)
    runner.kill()
    runner.start()
    resolved = runner.wait_for_type("permission:resolved", outcome="expired")
    assert resolved.data.approval_id == request.approval_id
    assert resolved.timestamp >= request.expires_at
    names = [e.data.approval_id for e in runner.all_events() if e.type == "permission:requested"]
    assert names.count(request.approval_id) == 1
