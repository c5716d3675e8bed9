"""How a session looks, who may see it, and what is made of a request: pure, as tables."""

from datetime import timedelta
from typing import Any

import pytest

from moorage_api.resources import Activity, Phase
from moorage_api.state import SessionState
from moorage_gateway.auth.access import visible, visible_session
from moorage_gateway.auth.principal import Principal
from moorage_gateway.errors import NotFound
from moorage_gateway.sessions.live import LiveFacts, facts_in
from moorage_gateway.sessions.view import client_status, current_job, is_working, view
from moorage_testing.backend import MemoryBackend
from moorage_testing.sessions import NOW, known, session

UID = "00000000-0000-4000-8000-00000000000"


def said(*, alive: bool = True, **state: Any) -> LiveFacts:
    return LiveFacts(SessionState(**({"phase": Phase.READY} | state)), alive)


@pytest.mark.parametrize(
    ("phase", "archived", "status"),
    [
        (Phase.PENDING, False, "active"),
        (Phase.STARTING, False, "active"),
        (Phase.READY, False, "active"),
        (Phase.SUSPENDING, False, "active"),
        (Phase.SUSPENDED, False, "inactive"),
        (Phase.SUCCEEDED, False, "inactive"),
        (Phase.FAILED, False, "inactive"),
        (Phase.READY, True, "archived"),
        (Phase.FAILED, True, "archived"),
    ],
)
def test_the_status_that_clients_know(phase: Phase, *, archived: bool, status: str) -> None:
    assert client_status(phase, archived=archived) == status


@pytest.mark.parametrize(
    ("facts", "working", "job"),
    [
        ({"phase": Phase.READY}, False, None),
        ({"phase": Phase.READY, "activity": Activity.WORKING}, True, None),
        ({"phase": Phase.READY, "live": said(activity=Activity.IDLE)}, False, None),
        ({"phase": Phase.READY, "live": said(activity=Activity.RATE_LIMITED)}, True, None),
        ({"phase": Phase.READY, "live": said(turn_id="t")}, True, "t"),
        ({"phase": Phase.READY, "live": said(turn_id="t"), "waiting": "w"}, True, "t"),
        ({"phase": Phase.READY, "live": said(queued=1)}, True, None),
        ({"phase": Phase.READY, "live": said(turn_id="t", alive=False)}, False, None),
        ({"phase": Phase.READY, "waiting": "w"}, True, "w"),
        ({"phase": Phase.SUSPENDED, "waiting": "w"}, True, "w"),
        ({"phase": Phase.STARTING, "prompt": "Hi"}, True, None),
        ({"phase": Phase.SUSPENDED, "prompt": "Hi", "outcome": "completed"}, False, None),
        ({"phase": Phase.FAILED, "waiting": "w", "prompt": "Hi"}, False, None),
        ({"phase": Phase.FAILED, "live": said(turn_id="t")}, False, None),
    ],
)
def test_whether_an_answer_is_to_be_expected(
    facts: dict[str, Any], *, working: bool, job: str | None
) -> None:
    assert (is_working(known(**facts)), current_job(known(**facts))) == (working, job)


def test_updated_is_when_something_last_happened() -> None:
    later = NOW + timedelta(hours=1)
    seen = known(phase=Phase.READY)
    status = seen.session.status.model_copy(update={"last_activity_at": later})
    changed = seen.session.model_copy(update={"status": status})
    assert view(known()).updated_at == NOW
    assert view(type(seen)(session=changed, row=seen.row)).updated_at == later


@pytest.mark.parametrize(
    ("role", "owner", "seen"),
    [
        ("user", "me", True),
        ("user", "other", False),
        ("user", None, False),
        ("admin", "other", True),
        ("admin", None, True),
    ],
)
def test_another_users_session_is_not_there(role: Any, owner: str | None, *, seen: bool) -> None:
    backend = MemoryBackend()
    made = session(owner=owner)
    made = made.model_copy(update={"metadata": made.metadata.model_copy(update={"uid": f"{UID}1"})})
    backend.sessions[f"{UID}1"] = made
    principal = Principal("me", role)
    assert visible(backend.list(), principal) == ([made] if seen else [])
    if seen:
        assert visible_session(backend, principal, f"{UID}1") is made
    else:
        with pytest.raises(NotFound) as refused:
            visible_session(backend, principal, f"{UID}1")
        with pytest.raises(NotFound) as missing:
            visible_session(backend, principal, f"{UID}2")
        assert refused.value.message.replace(UID, "") == missing.value.message.replace(
            UID, ""
        ).replace("2", "1")


@pytest.mark.parametrize(
    ("beat", "alive"),
    [
        (b"100", True),
        (b"80.1", True),
        (b"79", False),
        (b"x", False),
        (None, False),
        (b"nan", False),
    ],
)
def test_a_runner_lives_while_its_heart_beats(beat: bytes | None, *, alive: bool) -> None:
    assert facts_in([None, beat], 100.0) == LiveFacts(None, alive)
