"""The main job through the gateway, from registering to the end of the session."""

from collections.abc import Callable

from deployment.model import SAMPLE
from e2e.conftest import User
from e2e.kubectl import eventually, kubectl
from e2e.scripts import bash, say, write
from moorage_testing.sessions_client import StreamedEvent, text_of, turn_ended


def test_from_a_prompt_to_the_end(user: User) -> None:
    session = user.create(SAMPLE, prompt=write("notes.txt", "uncommitted\n"))

    asked = user.until(session, lambda event: event.type == "permission:requested")
    approval = asked[-1].body["approvalId"]
    assert "+uncommitted" in asked[-1].body["diff"]
    _allow(user, session, approval)
    later = user.until(session, lambda event: event.type == "usage", after=asked[-1].id or "")
    first = later[-1].body["turnId"]
    assert later[-1].body["outcome"] == "completed"
    assert "Written." in text_of(asked + later, first)

    whole = user.until(session, lambda event: event.type == "usage")
    ids = [event.id for event in whole if event.id]
    assert ids == [event.id for event in asked + later if event.id]  # resumed without loss
    assert _file(user, session, "notes.txt") == "uncommitted\n"

    second = user.say(session, say("Again."))
    assert text_of(user.until(session, turn_ended(second), after=ids[-1] or ""), second) == "Again."

    _suspend(user, session)
    third = user.say(session, bash("git status --short; sh harbour.sh 3 4"))
    asked = user.until(session, _asks_in(third))
    approval = asked[-1].body["approvalId"]
    _allow(user, session, approval)
    woken = user.until(session, turn_ended(third))
    said = text_of(woken, third)
    assert "notes.txt" in said  # the workspace is the one of before, with what was not committed
    assert "7" in said
    assert _file(user, session, "notes.txt") == "uncommitted\n"
    user.wait_until(lambda: len(user.answers(session)) == 3, "history to be whole")
    assert [message["id"] for message in user.history(session)] == [first, second, third]

    _delete(user, session)


def test_what_another_user_has_is_not_there(user: User, admin: User) -> None:
    session = admin.create(SAMPLE)
    try:
        assert user.client.get(f"/sessions/{session}").status_code == 404
        assert session not in [
            each["id"] for each in user.client.get("/sessions").json()["sessions"]
        ]
        assert admin.client.get(f"/sessions/{session}").status_code == 200
    finally:
        admin.client.delete(f"/sessions/{session}")


def _asks_in(turn: str) -> Callable[[StreamedEvent], bool]:
    return lambda event: event.type == "permission:requested" and event.body["turnId"] == turn


def _allow(user: User, session: str, approval: str) -> None:
    path = f"/sessions/{session}/approvals/{approval}"
    answer = user.client.post(path, json={"decision": "allow"})
    assert answer.status_code == 200, answer.text


def _file(user: User, session: str, path: str) -> str:
    answer = user.client.get(f"/sessions/{session}/files/{path}")
    assert answer.status_code == 200, answer.text
    content: str = answer.json()["content"]
    return content


def _suspend(user: User, session: str) -> None:
    assert _objects(session, "pods") != ""
    assert user.client.post(f"/sessions/{session}/suspend").is_success
    user.wait_until(lambda: _phase(user, session) == "Suspended", "it to be suspended")
    assert _objects(session, "pods") == ""


def _phase(user: User, session: str) -> str:
    phase: str = user.client.get(f"/sessions/{session}").json()["phase"]
    return phase


def _delete(user: User, session: str) -> None:
    everything = "pods,secrets,persistentvolumeclaims"
    assert {name.partition("/")[0] for name in _objects(session, everything).split()} == {
        "pod",
        "secret",
        "persistentvolumeclaim",
    }
    assert user.client.delete(f"/sessions/{session}").is_success
    assert user.client.get(f"/sessions/{session}").status_code == 404
    eventually(lambda: _objects(session, everything) == "", "all of it to be gone")


def _objects(session: str, kinds: str) -> str:
    """Return what there is for a session, by its label."""
    return kubectl("get", kinds, f"--selector=moorage.dev/session-uid={session}", "-oname")
