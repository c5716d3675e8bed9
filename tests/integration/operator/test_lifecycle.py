"""A session's life as a user sees it, with what is left of it in the cluster and in Redis."""

from typing import Any

from moorage_api.keys import FINISHED_TTL_SECONDS, SessionKeys
from moorage_api.resources import Activity, ClaudeSession, Phase
from moorage_operator.observed import RUNNER
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.member import Member, Script
from moorage_testing.operating.sessions import Sessions, condition, ready
from moorage_testing.operating.stage import Stage

CONDITIONS = {
    "Admitted": "True",
    "PodScheduled": "True",
    "RepositoryCloned": "True",
    "Ready": "True",
    "AwaitingInput": "True",
    "Complete": "False",
    "BudgetExceeded": "False",
}


def test_from_its_creation_to_ready(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create(prompt="Say hello.", owner="ada")
    session = sessions.await_that(
        lambda each: condition(each, "AwaitingInput").status == "True", what="awaits input"
    )
    status = session.status
    assert (status.phase, status.activity) == (Phase.READY, Activity.IDLE)
    assert {each.type: each.status for each in status.conditions} == CONDITIONS
    generations = {each.observed_generation for each in status.conditions}
    assert generations == {status.observed_generation} == {session.metadata.generation}
    assert status.pod_name == f"session-{uid}"
    assert status.node_name == "node-0"
    assert status.claude_session_id
    assert status.started_at
    assert status.ready_at
    member = operated.crew.member(uid)
    assert member.post.spec["prompt"] == "Say hello."


def test_a_batch_session_completes_and_keeps_its_pod(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create(prompt=Script.COMPLETES, interactive=False)
    session = sessions.await_phase(Phase.SUCCEEDED)
    assert condition(session, "Complete").status == "True"
    assert ready(session).reason == "Completed"
    assert session.status.finished_at
    pod = sessions.pod(session)
    assert pod is not None, "its log can be read"
    assert pod["status"]["phase"] == "Succeeded"
    assert sessions.await_event("Normal", "Completed") == "The session is complete."
    with operated.redis_client() as redis:
        until("no user", 20, lambda: str(redis.acl_users()) if has_user(redis, uid) else None)


def test_a_pod_of_which_the_runner_ended_is_left_to_end_by_itself(
    operated: Stage, sessions: Sessions
) -> None:
    """So that its log can be read. That its Redis user went shows that nothing is left to do."""
    uid = sessions.create(prompt="Say hello.", interactive=False)
    before = sessions.await_phase(Phase.READY)
    end_runner(operated, sessions, before)
    sessions.await_phase(Phase.SUCCEEDED, reason="Completed")
    operated.crew.end(uid, "succeeded")
    with operated.redis_client() as redis:
        until("no user", 20, lambda: str(redis.acl_users()) if has_user(redis, uid) else None)
    pod = sessions.pod(before)
    assert pod is not None
    assert pod["metadata"]["uid"] == before.status.pod_uid
    assert "deletionTimestamp" not in pod["metadata"]
    assert pod["status"]["phase"] == "Succeeded"


def test_suspended_and_resumed_with_its_workspace(operated: Stage, sessions: Sessions) -> None:
    sessions.create(workspace={"kind": "persistent"})
    session = sessions.await_phase(Phase.READY)
    claim, first = sessions.claim(session), sessions.pod(session)
    assert claim is not None
    assert first is not None
    sessions.change(suspend=True)
    session = sessions.await_phase(Phase.SUSPENDED, reason="Requested")
    assert session.status.activity is None
    assert sessions.pod(session) is None
    assert condition(session, "RepositoryCloned").status == "True"
    sessions.change(suspend=False)
    session = sessions.await_phase(Phase.READY)
    again, kept = sessions.pod(session), sessions.claim(session)
    assert again is not None
    assert kept is not None
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert kept["metadata"]["uid"] == claim["metadata"]["uid"]
    assert ready(session).observed_generation == session.metadata.generation == 3


def test_an_ephemeral_workspace_goes_with_its_pod(operated: Stage, sessions: Sessions) -> None:
    sessions.create(workspace={"kind": "ephemeral", "size": "1Gi"})
    session = sessions.await_phase(Phase.READY)
    pod = sessions.pod(session)
    assert pod is not None
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    assert volumes["workspace"]["emptyDir"] == {"sizeLimit": "1Gi"}
    assert sessions.claim(session) is None
    sessions.change(suspend=True)
    session = sessions.await_phase(Phase.SUSPENDED)
    assert condition(session, "RepositoryCloned").status == "False"
    assert "new clone" in (session.status.message or "")
    sessions.change(suspend=False)
    sessions.await_phase(Phase.READY)


def test_created_suspended_it_has_nothing_yet(operated: Stage, sessions: Sessions) -> None:
    sessions.create(suspend=True)
    session = sessions.await_phase(Phase.SUSPENDED)
    assert sessions.pod(session) is None
    assert session.status.started_at is None
    sessions.change(suspend=False)
    sessions.await_phase(Phase.READY)


def test_what_a_deletion_leaves(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create()
    session = sessions.await_phase(Phase.READY)
    with operated.redis_client() as redis:
        assert has_user(redis, uid)
        sessions.delete()
        for plural in ("pods", "secrets", "persistentvolumeclaims"):
            sessions.await_gone(sessions.own(plural, session))
        until("no user", 20, lambda: str(redis.acl_users()) if has_user(redis, uid) else None)
        for key in redis.keys(f"moorage:{{{uid}}}:*"):
            assert 0 < redis.ttl(key) <= FINISHED_TTL_SECONDS, key
        assert redis.exists(SessionKeys(uid).state)


def test_activity_follows_its_runner(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create()
    session = sessions.await_phase(Phase.READY)
    operated.crew.tell(uid, Member.works)
    await_activity(sessions, Activity.WORKING)
    operated.crew.tell(uid, Member.asks)
    session = await_activity(sessions, Activity.AWAITING_APPROVAL)
    assert session.status.pending_approvals == 1
    operated.crew.tell(uid, Member.rests)
    session = await_activity(sessions, Activity.IDLE)
    assert session.status.pending_approvals == 0


def test_a_session_that_cannot_be(operated: Stage, sessions: Sessions) -> None:
    """The API server let it pass: the condition says what is wrong, and others go on."""
    sessions.create("wrong", repository={"url": "https://ada:secret@git.example.com/app.git"})
    sessions.create("right")
    sessions.await_phase(Phase.READY, "right")
    body = sessions.await_body("wrong", lambda each: each["status"]["phase"] == "Failed")
    said = body["status"]["message"]
    assert "repository.url must not hold credentials" in said
    assert "secret@" not in said


def await_activity(sessions: Sessions, activity: Activity) -> Any:
    return sessions.await_that(
        lambda each: each.status.activity is activity, what=f"is {activity.value}"
    )


def has_user(redis: Any, uid: str) -> bool:
    return any(each.endswith(uid) for each in redis.acl_users())


def end_runner(stage: Stage, sessions: Sessions, session: ClaudeSession) -> None:
    """Have the runner's container end well while the agent's still runs."""
    path = f"{sessions.own('pods', session)}/status"
    containers = stage.admin.get(path)["status"]["containerStatuses"]
    ended = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    told = [{**each, "state": ended} if each["name"] == RUNNER else each for each in containers]
    stage.admin.merge(path, {"status": {"containerStatuses": told}})
