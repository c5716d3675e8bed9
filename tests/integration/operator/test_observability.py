"""What operations see: metrics, health, logs with the session's id, and no secret anywhere."""

import json
from typing import Any

from moorage_api.resources import Phase
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.crew import OUTCOME
from moorage_testing.operating.member import Member
from moorage_testing.operating.sessions import Sessions
from moorage_testing.operating.stage import Stage


def test_sessions_by_phase_and_time_to_ready(operated: Stage, sessions: Sessions) -> None:
    (operator,) = operated.operators
    ready = operator.metric("moorage_operator_time_to_ready_seconds_count")
    for name in ("one", "two"):
        sessions.create(name)
        sessions.await_phase(Phase.READY, name)
    sessions.change("two", suspend=True)
    sessions.await_phase(Phase.SUSPENDED, "two")

    def pending() -> str | None:
        phases = {
            each: operator.metric("moorage_operator_sessions", phase=each)
            for each in ("Ready", "Suspended")
        }
        return None if phases == {"Ready": 1.0, "Suspended": 1.0} else str(phases)

    until("sessions by phase", 10, pending)
    assert operator.metric("moorage_operator_time_to_ready_seconds_count") >= ready + 1
    assert operator.metric("moorage_operator_reconcile_seconds_count") > 0
    assert operator.metric("moorage_operator_queue_length") == 0
    assert operator.metric("moorage_operator_leading") == 1


def test_writes_are_counted_and_few(operated: Stage, sessions: Sessions) -> None:
    """A session with an ephemeral workspace is Ready after four writes (make bench-operator).

    Here they are counted a moment after that: a fifth may tell of what it does since.
    """
    (operator,) = operated.operators
    name = "moorage_operator_api_writes_total"
    before = operator.metric(name)
    made = {kind: operator.metric(name, verb="post", kind=kind) for kind in ("Secret", "Pod")}
    sessions.create(workspace={"kind": "ephemeral"})
    sessions.await_phase(Phase.READY)
    assert operator.metric(name) - before <= 5
    for kind, count in made.items():
        assert operator.metric(name, verb="post", kind=kind) - count == 1


def test_a_quota_is_told_and_holds_up_nothing_else(operated: Stage, sessions: Sessions) -> None:
    (operator,) = operated.operators
    quotas = f"/api/v1/namespaces/{sessions.namespace}/resourcequotas"
    hard = {"hard": {"pods": "0"}}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}}
    operated.admin.create(quotas, {**quota, "spec": hard})
    status = {**hard, "used": {"pods": "0"}}  # its controller does not run here
    operated.admin.merge(f"{quotas}/none/status", {"status": status})
    try:
        sessions.create()
        session = sessions.await_phase(Phase.PENDING, reason="CreationRefused")
    finally:
        operated.admin.delete(f"{quotas}/none")
    assert "exceeded quota: none" in (session.status.message or "")
    assert "end other sessions or raise it" in sessions.await_event("Warning", "CreationRefused")
    assert operator.get("/healthz").status_code == 200
    sessions.create("other")
    sessions.await_phase(Phase.READY, "other")


def test_health(operated: Stage) -> None:
    (operator,) = operated.operators
    for path in ("/healthz", "/readyz"):
        assert operator.get(path).status_code == 200
    assert operator.get("/nowhere").status_code == 404


def test_logs_are_records_with_the_session_and_hold_no_secret(
    operated: Stage, sessions: Sessions
) -> None:
    (operator,) = operated.operators
    uid = sessions.create("told", prompt="A prompt that is nobody's business.")
    sessions.create("sick", nodeSelector={OUTCOME: "image-pull"}, retry={"limit": 0})
    sessions.await_phase(Phase.READY, "told")
    sessions.await_phase(Phase.FAILED, "sick")
    operated.crew.tell(uid, Member.works)
    sessions.await_that(lambda each: each.status.activity == "Working", "told")
    sessions.change("told", suspend=True)
    sessions.await_phase(Phase.SUSPENDED, "told")

    def own() -> list[dict[str, Any]]:
        return [each for each in operator.records() if each.get("session") == uid]

    def unlogged() -> str | None:
        missing = {"Starting", "Ready", "Suspended"} - {each.get("phase") for each in own()}
        return str(missing) if missing else None

    until("its phases are logged", 20, unlogged)  # each after it was written
    mine = own()
    assert all(each["level"] and each["timestamp"] and each["event"] for each in mine)
    assert_untold(operated, operator.log)
    assert "nobody's business" not in operator.log
    session = sessions.get("told")
    objects = [
        session.model_dump_json(),
        json.dumps(sessions.events("told")),
        json.dumps(operated.admin.get(f"/api/v1/namespaces/{sessions.namespace}/events")),
        operator.get("/metrics").text,
    ]
    for each in objects:
        assert_untold(operated, each)


def assert_untold(stage: Stage, text: str) -> None:
    """Fail if a login, a password in one, or a token stands in the text; never show it."""
    told = set(stage.crew.secrets) | {stage.redis.url, stage.account.token}
    told |= {each.partition("@")[0].rpartition(":")[2] for each in told if "@" in each}
    assert told, "there were secrets"
    found = sum(each in text for each in told if len(each) > 8)
    assert found == 0
