"""The main job with kubectl alone."""

from collections.abc import Callable

from deployment.model import SAMPLE
from e2e.conftest import User
from e2e.kubectl import Session, eventually, kubectl
from e2e.scripts import bash, say


def test_a_session_with_a_prompt(session: Session) -> None:
    session.apply(prompt=bash("sh harbour.sh 3 4", "It counts {tool_result} ships."))
    session.wait("condition=AwaitingInput")

    header, row = kubectl("get", "claudesessions", session.name).splitlines()
    assert header.split() == ["NAME", "PHASE", "ACTIVITY", "REPOSITORY", "COST", "AGE"]
    assert row.split()[:4] == [session.name, "Ready", "Idle", SAMPLE]
    wide = kubectl("get", "claudesessions", session.name, "-owide").splitlines()[0].split()
    assert wide[6:] == ["POD", "NODE", "OWNER"]

    log = session.log
    assert "sh harbour.sh 3 4" in log
    assert "It counts 7 ships." in log

    described = kubectl("describe", "claudesession", session.name)
    for word in ("Awaiting Input", "RepositoryCloned", "Ready"):
        assert word.replace(" ", "") in described.replace(" ", "")

    kubectl("delete", "claudesession", session.name, "--timeout=60s")
    eventually(lambda: session.pods() == [], "its pod to be gone")


def test_a_batch_session_is_complete(session: Session) -> None:
    session.apply(prompt=say("That is all."), interactive=False)
    session.wait("condition=Complete")
    assert session.status["phase"] == "Succeeded"
    assert session.status["usage"]["turns"] == 1
    eventually(lambda: session.pod["status"]["phase"] == "Succeeded", "its pod to end by itself")
    assert "That is all." in session.log


def test_suspended_and_resumed(session: Session) -> None:
    session.apply(prompt=say("Here."))
    session.wait("condition=AwaitingInput")
    session.patch(suspend=True)
    session.wait_for_phase("Suspended")
    assert session.pods() == []
    session.patch(suspend=False)
    session.wait("condition=AwaitingInput")
    assert len(session.pods()) == 1


def test_its_owner_finds_it_in_the_gateway(session: Session, user: User) -> None:
    session.apply(prompt=say("Made elsewhere."), owner=user.id)
    session.wait("condition=AwaitingInput")
    uid = session.get()["metadata"]["uid"]
    user.wait_until(lambda: user.client.get(f"/sessions/{uid}").status_code == 200, "it to be seen")
    events = user.until(uid, lambda event: event.type == "usage")
    assert events[-1].body["outcome"] == "completed"
    user.wait_until(lambda: user.answers(uid) == ["Made elsewhere."], "its history")


def test_what_is_wrong_is_said(new_session: Callable[[], Session]) -> None:
    gone, refused = new_session(), new_session()
    gone.apply(repository={"url": SAMPLE.replace("sample", "nowhere")})
    refused.apply(repository={"url": SAMPLE, "ref": "no-such-branch"})
    for each, reason in ((gone, "RepositoryNotFound"), (refused, "RefNotFound")):
        each.wait_for_phase("Failed")
        each.wait_for_reason(reason)
        assert each.status["message"]
        described = kubectl("describe", "claudesession", each.name)
        assert reason in described.partition("Events:")[2]
