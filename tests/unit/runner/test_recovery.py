"""What an earlier runner left: in the stream, in the transcript, in the state."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from claude_agent_sdk import SessionMessage

from moorage_api.events import EVENT, Event, PermissionRequest
from moorage_api.resources import Phase, SessionSpec, Usage
from moorage_api.state import SessionState
from moorage_runner.claude.command import prompt_id
from moorage_runner.claude.transcript import Transcript, as_frames
from moorage_runner.recovery import Found, first_prompt
from moorage_runner.resume import CONTINUATION
from moorage_runner.stream_facts import StreamFacts, summarise

AT = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = SessionSpec.model_validate({"repository": {"url": "https://x/y"}, "prompt": "Go."})
PROMPT = prompt_id("s", "s:prompt")


def event(kind: str, **data: Any) -> Event:
    return EVENT.validate_python({"type": kind, "timestamp": AT, "data": data})


def stopped(name: str, **data: Any) -> Event:
    values = {"message_id": name, "role": "assistant", "turn_id": "t", "content": ""}
    return event("message:stop", **{**values, **data})


def request(name: str, turn: str = "t", tool: str = "Bash") -> PermissionRequest:
    return PermissionRequest(
        approval_id=name,
        turn_id=turn,
        tool=tool,
        input={"command": name},
        summary="",
        requested_at=AT,
        expires_at=AT + timedelta(days=1),
    )


def asked(name: str, turn: str = "t") -> Event:
    return event("permission:requested", **request(name, turn).model_dump())


def ended(turn: str, cost: float = 1.0) -> Event:
    total = Usage(cost_usd=cost, turns=1)
    return event("usage", turn_id=turn, outcome="completed", turn=Usage(), total=total)


def entry(kind: str, name: str, content: Any, **message: Any) -> SessionMessage:
    body = {"role": kind, "content": content, **message}
    return SessionMessage(
        type=kind,  # type: ignore[arg-type]
        uuid=name,
        session_id="c",
        message=body,
        parent_tool_use_id=None,
    )


def said(name: str, text: str, stop: str | None, model: str = "m") -> SessionMessage:
    content = [{"type": "text", "text": text}]
    return entry("assistant", f"{name}-{text}", content, id=name, stop_reason=stop, model=model)


def result(use_id: str) -> SessionMessage:
    return entry("user", use_id, [{"type": "tool_result", "tool_use_id": use_id}])


def test_the_stream_tells_how_far_a_turn_came() -> None:
    facts = summarise(
        [
            event("message:start", message_id="t", role="user", turn_id="t"),
            stopped("t", role="user"),
            stopped("t-1"),
            stopped("t-3", parent_tool_use_id="u"),
            stopped("t-2"),
            event("tool:result", turn_id="t", tool_use_id="u", content=""),
        ]
    )
    turn = facts.turn("t")
    assert turn.shown
    assert not turn.ended
    assert (turn.last_number, turn.main_messages, turn.results) == (3, 2, {"u"})
    assert facts.turn("other").last_number == 0


def test_the_stream_tells_what_ended_and_what_it_cost() -> None:
    facts = summarise([ended("a", 1), ended("b", 2)])
    assert facts.turn("a").ended
    assert facts.last_turn_id == "b"
    assert facts.total == Usage(cost_usd=2, turns=1)


def test_the_stream_tells_what_is_asked_and_granted() -> None:
    resolved = [
        event("permission:resolved", approval_id="b", outcome="allow", scope="session"),
        event("permission:resolved", approval_id="c", outcome="deny", scope="session"),
    ]
    events = [asked("a"), asked("b"), asked("c"), asked("d", "old"), *resolved, ended("old")]
    approvals = summarise(events).approvals
    assert set(approvals.pending) == {"a"}
    assert approvals.resolved == {"b", "c"}
    assert approvals.grants == {("Bash", "b")}


def test_the_state_adds_what_the_stream_lost() -> None:
    state = SessionState(phase=Phase.READY, pending_approvals=[request("x"), request("y")])
    stream = StreamFacts(approvals=summarise([asked("a")]).approvals)
    assert set(Found(state, stream).approvals.pending) == {"a", "x", "y"}
    assert Found(None, summarise([ended("a", 3)])).usage.cost_usd == 3
    assert Found().usage == Usage()


def test_a_transcript_tells_whether_a_prompt_is_answered() -> None:
    prompt = entry("user", PROMPT, "Go.")
    tool = said("m1", "I look.", "tool_use")
    answer = said("m2", "Well.", "end_turn")
    error = said("e", "API Error", "stop_sequence", model="<synthetic>")
    assert not Transcript().exists
    assert not Transcript((prompt,)).is_answered(PROMPT)
    assert not Transcript((prompt, tool)).is_answered(PROMPT)
    assert not Transcript((prompt, tool, result("u"))).is_answered(PROMPT)
    assert not Transcript((prompt, error)).is_answered(PROMPT)
    assert Transcript((prompt, tool, result("u"), answer)).is_answered(PROMPT)


def test_a_transcripts_answers_stand_together() -> None:
    entries = (
        entry("user", PROMPT, "Go."),
        said("m1", "a", "tool_use"),
        said("m1", "b", "tool_use"),
        result("u"),
        said("m2", "c", "end_turn"),
    )
    groups = Transcript(entries).answers(PROMPT)
    assert [[e.uuid for e in group] for group in groups] == [["m1-a", "m1-b", "u"], ["m2-c"]]
    frames = list(as_frames(groups[0], frozenset({"u"})))
    assert [frame["type"] for frame in frames] == ["assistant", "assistant", "user"]
    assert frames[2]["message"]["content"] == []


@pytest.mark.parametrize(
    ("found", "entries", "is_due"),
    [
        (Found(), (), True),
        (Found(), (entry("user", PROMPT, "Go."),), True),
        (Found(), (entry("user", PROMPT, "Go."), entry("user", "n", CONTINUATION)), True),
        (Found(), (entry("user", PROMPT, "Go."), entry("user", "p2", "More.")), False),
        (Found(None, summarise([ended("s:prompt")])), (), False),
        (Found(SessionState(phase=Phase.READY, last_turn_id="x")), (), False),
    ],
)
def test_the_first_prompt_is_sent_once(
    found: Found, entries: tuple[SessionMessage, ...], *, is_due: bool
) -> None:
    prompt = first_prompt("s", SPEC, found, Transcript(entries))
    assert (prompt is not None) is is_due
