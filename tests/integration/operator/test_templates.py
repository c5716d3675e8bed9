"""Templates: what they fill, when they come late, and when they change."""

from moorage_api.resources import Phase
from moorage_testing.operating.sessions import REPOSITORY, Sessions, condition, ready
from moorage_testing.operating.stage import Stage

BASE = {"name": "base"}


def test_a_template_fills_what_is_unset(operated: Stage, sessions: Sessions) -> None:
    sessions.create_template(
        "base",
        repository=REPOSITORY,
        image="registry.example.com/agent:1",
        claude={"model": "opus", "permissionMode": "plan"},
        workspace={"kind": "ephemeral"},
    )
    uid = sessions.create(templateRef=BASE, claude={"model": "haiku"})
    session = sessions.await_phase(Phase.READY)
    assert session.spec.image is None, "the session itself stays as it was written"
    spec = operated.crew.member(uid).post.spec
    assert spec["repository"]["url"] == REPOSITORY["url"]
    assert (spec["claude"]["model"], spec["claude"]["permissionMode"]) == ("haiku", "plan")
    pod = sessions.pod(session)
    assert pod is not None
    images = {each["name"]: each["image"] for each in pod["spec"]["containers"]}
    assert images == {"runner": "runner:test", "agent": "registry.example.com/agent:1"}
    assert pod["metadata"]["labels"]["moorage.dev/template"] == "base"


def test_a_template_that_comes_later(operated: Stage, sessions: Sessions) -> None:
    sessions.create(templateRef=BASE)
    session = sessions.await_phase(Phase.PENDING, reason="TemplateNotFound")
    assert condition(session, "Admitted").status == "False"
    assert "There is no ClaudeSessionTemplate base" in (session.status.message or "")
    sessions.await_event("Warning", "TemplateNotFound")
    sessions.create_template("base", repository=REPOSITORY)
    sessions.await_phase(Phase.READY)


def test_a_template_that_changes_counts_from_the_next_pod(
    operated: Stage, sessions: Sessions
) -> None:
    sessions.create_template("base", repository=REPOSITORY, claude={"model": "opus"})
    uid = sessions.create(templateRef=BASE)
    before = sessions.await_phase(Phase.READY)
    sessions.change_template("base", claude={"model": "haiku"}, image="agent:2")
    sessions.change(suspend=True)
    sessions.await_phase(Phase.SUSPENDED)
    assert len(operated.record.pods[uid]) == 1, "what runs is left alone"
    sessions.change(suspend=False)
    after = sessions.await_phase(Phase.READY)
    assert after.status.pod_uid != before.status.pod_uid
    member = operated.crew.member(uid)
    assert member.post.spec["claude"]["model"] == "haiku"
    pod = sessions.pod(after)
    assert pod is not None
    assert pod["spec"]["containers"][1]["image"] == "agent:2"


def test_session_and_template_that_make_no_spec(operated: Stage, sessions: Sessions) -> None:
    sessions.create_template("base", interactive=False)
    sessions.create(templateRef=BASE, repository=REPOSITORY)
    session = sessions.await_phase(Phase.FAILED, reason="SpecInvalid")
    assert "a session with interactive: false needs a prompt" in ready(session).message
