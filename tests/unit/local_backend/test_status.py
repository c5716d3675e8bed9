"""How a session stands, as others read it."""

from typing import Any

import pytest

from moorage_api.reasons import Reason
from moorage_api.resources import Activity, ClaudeSession, Phase, Usage
from moorage_api.state import SessionState
from moorage_gateway.backends.local.lifecycle import advance, suspend
from moorage_gateway.backends.local.observation import Ending, Observed, ending
from moorage_gateway.backends.local.policy import Finish, Retry, Start, SuspendIdle
from moorage_gateway.backends.local.status import describe

from .builders import START, a_session, a_state, at, ready, running, with_status


def facts(session: ClaudeSession, kind: str) -> tuple[str, str]:
    (found,) = [each for each in session.status.conditions if each.type == kind]
    return found.status, found.reason


@pytest.mark.parametrize(
    ("session", "seen", "phase"),
    [
        (a_session(), Observed(), Phase.PENDING),
        (a_session(), Observed(place=2), Phase.PENDING),
        (a_session(), running(), Phase.STARTING),
        (a_session(), running(state=a_state()), Phase.READY),
        (a_session(), running(state=a_state(), stopping=True), Phase.STARTING),
        (a_session(suspend=True), running(state=a_state()), Phase.SUSPENDING),
        (a_session(suspend=True), Observed(), Phase.SUSPENDED),
        (with_status(a_session(), phase=Phase.FAILED), running(), Phase.FAILED),
    ],
)
def test_phase(session: ClaudeSession, seen: Observed, phase: Phase) -> None:
    assert describe(session, seen, START).status.phase is phase


def test_describing_twice_changes_nothing() -> None:
    session, seen = ready()
    assert describe(session, seen, at(5)) == session


def test_a_transition_keeps_its_time_until_the_status_changes() -> None:
    session, _ = ready()
    other = describe(session, running(state=a_state(Activity.WORKING)), at(5))
    times = {each.type: each.last_transition_time for each in other.status.conditions}
    assert times["Ready"] == START
    assert times["AwaitingInput"] == at(5)
    assert other.status.ready_at == START
    assert facts(other, "AwaitingInput") == ("False", Reason.RUNNING)


@pytest.mark.parametrize(
    ("prompt", "changes", "awaiting"),
    [
        (None, {}, "True"),
        ("Do it.", {}, "False"),
        ("Do it.", {"last_turn_id": "t"}, "True"),
        (None, {"queued": 1}, "False"),
        (None, {"activity": Activity.WORKING}, "False"),
        (None, {"activity": Activity.AWAITING_APPROVAL}, "False"),
    ],
)
def test_awaiting_input_only_once_the_prompt_was_answered(
    prompt: str | None, changes: dict[str, Any], awaiting: str
) -> None:
    session, _ = ready(a_session(prompt=prompt), state=a_state(**changes))
    assert facts(session, "AwaitingInput")[0] == awaiting


def test_what_a_runner_says_is_cut_to_what_is_possible() -> None:
    state = a_state(claude_session_id="x" * 65, last_activity_at=at(10**6), usage=Usage(turns=3))
    session = describe(a_session(), running(state=state), at(7))
    assert session.status.claude_session_id is None
    assert session.status.last_activity_at == at(7)
    assert session.status.usage.turns == 3


def test_a_session_without_process_keeps_what_was_known() -> None:
    session, _ = ready(state=a_state(claude_session_id="c", usage=Usage(turns=3)))
    later = describe(session, Observed(), at(5))
    assert later.status.claude_session_id == "c"
    assert later.status.usage.turns == 3
    assert facts(later, "RepositoryCloned") == ("True", Reason.COMPLETED)
    assert facts(later, "Ready") == ("False", Reason.WAITING)


def test_a_failed_attempt_counts_until_it_was_ready_for_a_minute() -> None:
    session, seen = advance(
        a_session(), Observed(), Retry(at(5), Ending(1, message="It broke.")), START
    )
    session = describe(session, seen, START)
    assert session.status.attempts == 1
    assert session.status.message == "Attempt 1 failed and is made again: It broke."
    session, seen = advance(session, seen, Start(), at(5))
    assert describe(session, seen, at(5)).status.attempts == 1
    session = describe(session, running(state=a_state()), at(6))
    assert session.status.attempts == 1
    assert describe(session, running(state=a_state()), at(65)).status.attempts == 1
    assert describe(session, running(state=a_state()), at(66)).status.attempts == 0


def test_an_idle_suspend_says_so_until_it_is_resumed() -> None:
    session, seen = ready()
    session, seen = advance(session, seen, SuspendIdle(), at(1))
    session = describe(session, seen, at(1))
    assert (session.spec.suspend, session.metadata.generation) == (True, 2)
    assert session.status.message == "Suspended after 30m without work (timeouts.idle)."
    session = describe(session, Observed(), at(2))
    assert facts(session, "Ready") == ("False", Reason.IDLE)
    session = describe(suspend(session, suspend=False), Observed(), at(3))
    assert facts(session, "Ready") == ("False", Reason.WAITING)
    assert session.status.observed_generation == 3


@pytest.mark.parametrize(
    ("phase", "reason", "complete", "budget"),
    [
        (Phase.SUCCEEDED, Reason.COMPLETED, "True", "False"),
        (Phase.FAILED, Reason.RETRIES_EXHAUSTED, "False", "False"),
        (Phase.FAILED, Reason.BUDGET_EXCEEDED, "False", "True"),
    ],
)
def test_the_end(phase: Phase, reason: Reason, complete: str, budget: str) -> None:
    session, seen = ready()
    session, seen = advance(session, seen, Finish(phase, reason, "A sentence."), at(9))
    session = describe(session, seen, at(10))
    assert session.status.phase is phase
    assert session.status.finished_at == at(9)
    assert session.status.message == "A sentence."
    assert facts(session, "Ready") == ("False", reason)
    assert facts(session, "Complete") == (complete, reason)
    assert facts(session, "BudgetExceeded")[0] == budget


@pytest.mark.parametrize(
    ("code", "said", "state", "expected"),
    [
        (1, '{"reason":"DiskFull","message":"Full."}', None, (Reason.DISK_FULL, "Full.")),
        (1, '{"reason":"Nonsense","message":"Well."}', None, (Reason.RUNNER_FAILED, "Well.")),
        (1, '{"reason":7}', None, (Reason.RUNNER_FAILED, "The runner ended with code 1.")),
        (1, "Traceback", None, (Reason.RUNNER_FAILED, "Traceback")),
        (1, "[1]", None, (Reason.RUNNER_FAILED, "[1]")),
        (1, "[" * 5_000, None, (Reason.RUNNER_FAILED, "[" * 4_096)),
        (1, "", a_state(reason="RefNotFound", message="No."), (Reason.REF_NOT_FOUND, "No.")),
        (143, "", None, (Reason.RUNNER_FAILED, "The runner ended with code 143 (told to stop).")),
    ],
)
def test_how_a_runner_ended(
    code: int, said: str, state: SessionState | None, expected: tuple[Reason, str]
) -> None:
    found = ending(code, said, state)
    assert (found.reason, found.message) == expected
