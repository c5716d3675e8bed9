"""Drains and autoscalers: kept from a session at work, and from no other."""

import pytest

from moorage_api.resources import Phase
from moorage_operator.build.pod import BUDGET_NAME
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.member import Member
from moorage_testing.operating.sessions import Sessions
from moorage_testing.operating.stage import Stage

SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"


def test_an_autoscaler_and_a_drain_spare_only_work(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create()
    session = sessions.await_phase(Phase.READY)
    assert mark(sessions) is None
    operated.crew.tell(uid, Member.works)
    until("not safe to evict", 20, lambda: None if mark(sessions) == "false" else "safe")

    def uncounted() -> str | None:
        status = operated.admin.get(budget(sessions)).get("status", {})
        return None if status.get("expectedPods") == 1 else str(status)

    until("the budget counts it", 20, uncounted)
    with pytest.raises(ApiRefused, match="disruption budget"):
        evict(sessions)
    assert sessions.get().status.pod_uid == session.status.pod_uid
    operated.crew.tell(uid, Member.rests)
    until("safe to evict again", 20, lambda: None if mark(sessions) is None else "not safe")
    until("evicted", 20, lambda: evicted(sessions))
    after = sessions.await_that(
        lambda each: (
            each.status.phase is Phase.READY and each.status.pod_uid != session.status.pod_uid
        ),
        what="has another pod",
    )
    assert after.status.attempts == 0
    assert operated.record.doubles == []


def test_a_budget_that_is_deleted_comes_back(operated: Stage, sessions: Sessions) -> None:
    for name in ("first", "second"):
        uid = sessions.create(name)
        sessions.await_phase(Phase.READY, name)
        operated.crew.tell(uid, Member.works)
        until("there is a budget", 20, lambda: missing(sessions))
        sessions.admin.delete(budget(sessions))
        until("it comes back", 20, lambda: missing(sessions))


def test_a_question_is_no_work(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create()
    sessions.await_phase(Phase.READY)
    operated.crew.tell(uid, Member.works)
    until("not safe to evict", 20, lambda: None if mark(sessions) == "false" else "safe")
    operated.crew.tell(uid, Member.asks)
    until("safe to evict again", 20, lambda: None if mark(sessions) is None else "not safe")


def budget(sessions: Sessions) -> str:
    folder = f"/apis/policy/v1/namespaces/{sessions.namespace}/poddisruptionbudgets"
    return f"{folder}/{BUDGET_NAME}"


def missing(sessions: Sessions) -> str | None:
    """Say that there is no budget, if so."""
    try:
        sessions.admin.get(budget(sessions))
    except ApiRefused as error:
        return str(error)
    return None


def mark(sessions: Sessions) -> str | None:
    pod = sessions.pod(sessions.get())
    assert pod is not None
    found: str | None = (pod["metadata"].get("annotations") or {}).get(SAFE)
    return found


def evict(sessions: Sessions) -> None:
    path = sessions.own("pods", sessions.get())
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": path.rpartition("/")[2], "namespace": sessions.namespace},
    }
    sessions.admin.create(f"{path}/eviction", body)


def evicted(sessions: Sessions) -> str | None:
    """Evict; say why it is refused, if so: the budget may not know yet."""
    try:
        evict(sessions)
    except ApiRefused as error:
        return str(error)
    return None
