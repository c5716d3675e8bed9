"""What time alone brings about: start, idle, lifetime and ttl, with limits of a second or two."""

from redis import Redis

from moorage_api.inbox import FIELD, Prompt, encode_input
from moorage_api.keys import SessionKeys
from moorage_api.resources import Activity, Phase
from moorage_testing.operating.crew import OUTCOME
from moorage_testing.operating.member import Member, Script
from moorage_testing.operating.sessions import Sessions, ready
from moorage_testing.operating.stage import Stage


def test_not_ready_in_time(operated: Stage, sessions: Sessions) -> None:
    sessions.create(prompt=Script.STARTS, timeouts={"start": "1s"})
    session = sessions.await_phase(Phase.FAILED, reason="StartTimeout")
    assert "not ready within 1s (timeouts.start)" in (session.status.message or "")
    assert sessions.await_event("Warning", "StartTimeout")
    sessions.await_gone(sessions.own("pods", session))


def test_a_pod_that_never_runs_is_not_waited_for_longer(
    operated: Stage, sessions: Sessions
) -> None:
    sessions.create(nodeSelector={OUTCOME: "pending"}, timeouts={"start": "3s"})
    session = sessions.await_phase(Phase.FAILED, reason="StartTimeout")
    assert "Last known: Its pod is " in (session.status.message or "")


def test_idle_it_is_suspended_and_a_message_wakes_it(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create(timeouts={"idle": "2s"})
    before = sessions.await_phase(Phase.READY)
    session = sessions.await_phase(Phase.SUSPENDED, reason="Idle")
    assert session.spec.suspend
    assert "after 2s without work (timeouts.idle)" in (session.status.message or "")
    assert sessions.pod(session) is None
    keys = SessionKeys(uid)
    with Redis.from_url(operated.redis.url, protocol=2) as redis:
        prompt = Prompt(input_id="input-1", content="Go on.")
        redis.xadd(keys.inbox, {FIELD: encode_input(prompt)})
    after = sessions.await_phase(Phase.READY)
    assert not after.spec.suspend
    assert after.status.pod_uid != before.status.pod_uid


def test_suspended_on_request_no_message_wakes_it(operated: Stage, sessions: Sessions) -> None:
    """The other one, that was idle, shows that the operator has looked at the inboxes."""
    asked, idle = sessions.create("asked"), sessions.create("idle", timeouts={"idle": "2s"})
    sessions.await_phase(Phase.READY, "asked")
    sessions.change("asked", suspend=True)
    sessions.await_phase(Phase.SUSPENDED, "asked", reason="Requested")
    sessions.await_phase(Phase.SUSPENDED, "idle", reason="Idle")
    with Redis.from_url(operated.redis.url, protocol=2) as redis:
        for uid in (asked, idle):
            prompt = Prompt(input_id="input-1", content="Go on.")
            redis.xadd(SessionKeys(uid).inbox, {FIELD: encode_input(prompt)})
    sessions.await_phase(Phase.READY, "idle")
    assert sessions.get("asked").status.phase is Phase.SUSPENDED


def test_work_and_questions_are_not_idle(operated: Stage, sessions: Sessions) -> None:
    """Started before one that is idle and is suspended: their time is over too by then."""
    limits = {"idle": "2s"}
    busy = {"works": Script.WORKS, "asks": Script.ASKS}
    for name, script in busy.items():
        sessions.create(name, prompt=script, timeouts=limits)
        sessions.await_phase(Phase.READY, name)
    sessions.create("idle", timeouts=limits)
    sessions.await_phase(Phase.SUSPENDED, "idle", reason="Idle")
    for name in busy:
        session = sessions.get(name)
        assert session.status.phase is Phase.READY, name
        assert session.status.activity is not Activity.IDLE
    operated.crew.tell(sessions.get("works").metadata.uid or "", Member.rests)
    sessions.await_phase(Phase.SUSPENDED, "works", reason="Idle")


def test_its_lifetime_ends_also_a_working_one(operated: Stage, sessions: Sessions) -> None:
    sessions.create(prompt=Script.WORKS, timeouts={"lifetime": "3s"})
    sessions.await_phase(Phase.READY)
    session = sessions.await_phase(Phase.FAILED, reason="LifetimeExceeded")
    assert "(timeouts.lifetime)" in (session.status.message or "")
    sessions.await_gone(sessions.own("pods", session))


def test_a_suspended_one_has_a_lifetime_too(operated: Stage, sessions: Sessions) -> None:
    sessions.create(suspend=True, timeouts={"lifetime": "2s"})
    sessions.await_phase(Phase.FAILED, reason="LifetimeExceeded")


def test_after_its_end_it_is_deleted_in_time(operated: Stage, sessions: Sessions) -> None:
    sessions.create(prompt=Script.COMPLETES, interactive=False, timeouts={"ttlAfterFinished": "1s"})
    session = sessions.await_that(
        lambda each: each.status.phase is Phase.SUCCEEDED or ready(each).status == "True"
    )
    sessions.await_absent()
    for plural in ("pods", "secrets", "persistentvolumeclaims"):
        sessions.await_gone(sessions.own(plural, session))
