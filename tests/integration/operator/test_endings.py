"""How a pod ends, and where that leads: the right reason, another pod or the end, never two."""

import json
from dataclasses import dataclass

import pytest

from moorage_api.resources import ClaudeSession, Phase
from moorage_testing.controlplane.processes import until
from moorage_testing.controlplane.readiness import make_node
from moorage_testing.operating.crew import OUTCOME
from moorage_testing.operating.sessions import Sessions, ready
from moorage_testing.operating.stage import Stage

QUICK = {"limit": 5, "backoff": "200ms"}
HOSTNAME = "kubernetes.io/hostname"


@dataclass(frozen=True)
class End:
    """How a pod is ended, and what is told of it."""

    outcome: str
    reason: str
    advice: str
    counts: bool = True
    code: str = "1"
    message: str = ""

    def __str__(self) -> str:
        return f"{self.outcome} {self.reason}"

    @property
    def more(self) -> dict[str, str]:
        """The annotations beside the outcome."""
        return {"exit-code": self.code} | ({"message": self.message} if self.message else {})


def words(reason: str, message: str = "So it is.") -> str:
    return json.dumps({"reason": reason, "message": message})


ENDS = [
    End("oom", "OutOfMemory", "Raise resources.limits.memory"),
    End("evicted", "Evicted", "low on resource: memory"),
    End("failed", "RunnerFailed", "ended with code 1"),
    End("exited", "RunnerRestarts", "", counts=False, code="75"),
    End("exited", "DiskFull", "So it is.", message=words("DiskFull")),
    End("exited", "RunnerFailed", "It fell over.", message="It fell over"),
]


@pytest.mark.parametrize("end", ENDS, ids=str)
def test_a_pod_that_ends_is_followed_by_another(
    end: End, operated: Stage, sessions: Sessions
) -> None:
    uid = sessions.create(retry=QUICK)
    before = sessions.await_phase(Phase.READY)
    operated.crew.end(uid, end.outcome, **end.more)
    told = sessions.await_that(
        lambda each: ready(each).reason == end.reason or another(before, each),
        what=f"tells of {end.reason}",
    )
    after = sessions.await_that(lambda each: another(before, each), what="has another pod")
    assert after.status.attempts == int(end.counts)
    note = sessions.await_event("Warning" if end.counts else "Normal", end.reason)
    assert end.advice in note
    assert told.status.pod_uid
    assert operated.record.pods[uid] == [before.status.pod_uid, after.status.pod_uid]


@pytest.mark.parametrize(
    "reason", ["RepositoryNotFound", "RepositoryRefused", "RefNotFound", "BudgetExceeded"]
)
def test_what_another_pod_cannot_mend(reason: str, operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create(retry=QUICK)
    sessions.await_phase(Phase.READY)
    operated.crew.end(uid, "exited", message=words(reason, "Mend it."))
    session = sessions.await_phase(Phase.FAILED, reason=reason)
    assert session.status.message == "Mend it."
    assert len(operated.record.pods[uid]) == 1


def test_deleted_by_hand(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create(retry=QUICK)
    before = sessions.await_phase(Phase.READY)
    sessions.delete_pod(before)
    after = sessions.await_that(lambda each: another(before, each), what="has another pod")
    assert after.status.attempts == 0
    assert "spec.suspend" in sessions.await_event("Normal", "PodDeleted")
    assert len(operated.record.pods[uid]) == 2


def test_images_that_cannot_be_pulled_exhaust_the_retries(
    operated: Stage, sessions: Sessions
) -> None:
    uid = sessions.create(
        retry={"limit": 2, "backoff": "100ms"}, nodeSelector={OUTCOME: "image-pull"}
    )
    session = sessions.await_phase(Phase.FAILED, reason="RetriesExhausted")
    assert "It failed 3 times in a row (retry.limit: 2)" in (session.status.message or "")
    assert "Check its name and tag" in (session.status.message or "")
    assert session.status.attempts == 3
    assert len(operated.record.pods[uid]) == 3
    told = [each[1] for each in sessions.events()]
    assert told.count("ImagePullFailed") == 2


def test_retries_wait_longer_each_time(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create(retry={"limit": 1, "backoff": "1h"})
    before = sessions.await_phase(Phase.READY)
    operated.crew.end(uid, "oom")
    waits = sessions.await_phase(Phase.PENDING, reason="OutOfMemory")
    assert waits.status.retry_at is not None
    assert "The next start is due at" in (waits.status.message or "")
    since = ready(waits).last_transition_time
    assert 120 <= (waits.status.retry_at - since).total_seconds() <= 300, "the longest: 5 minutes"
    sessions.await_gone(sessions.own("pods", before))
    assert len(operated.record.pods[uid]) == 1


def test_no_retry_at_all(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create(retry={"limit": 0})
    sessions.await_phase(Phase.READY)
    operated.crew.end(uid, "failed")
    session = sessions.await_phase(Phase.FAILED, reason="RetriesExhausted")
    assert "It failed once (retry.limit: 0)" in (session.status.message or "")


def test_no_node_takes_it(operated: Stage, sessions: Sessions) -> None:
    sessions.create(nodeSelector={OUTCOME: "unscheduled"})
    session = sessions.await_phase(Phase.STARTING)
    status = {
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/1 nodes are available.",
            }
        ]
    }
    operated.admin.merge(f"{sessions.own('pods', session)}/status", {"status": status})
    session = sessions.await_phase(Phase.STARTING, reason="Unschedulable")
    assert "0/1 nodes are available. It is scheduled once there is room" in (
        session.status.message or ""
    )


def test_a_lost_node_holds_its_pod_until_it_is_gone(operated: Stage, sessions: Sessions) -> None:
    """Nobody knows whether it still runs: there must be no second one."""
    node = f"node-{sessions.namespace}"
    make_node(operated.admin, node)
    uid = sessions.create(retry=QUICK, nodeSelector={HOSTNAME: node})
    before = sessions.await_phase(Phase.READY)
    set_node(operated, node, "Unknown")
    sessions.annotate_pod(before, outcome="lost")
    sessions.delete_pod(before)
    lost = sessions.await_phase(Phase.PENDING, reason="NodeLost")
    assert ready(lost).status == "Unknown"
    assert "kubectl delete node" in (lost.status.message or "")
    assert operated.record.pods[uid] == [before.status.pod_uid]
    set_node(operated, node, "True")
    sessions.annotate_pod(before, outcome=None)
    after = sessions.await_that(lambda each: another(before, each), what="has another pod")
    assert after.status.attempts == 0
    sessions.delete()
    sessions.await_gone(sessions.own("pods", after))
    operated.admin.delete(f"/api/v1/nodes/{node}")


def test_resumed_while_its_pod_still_ends(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create(nodeSelector={"testing.moorage.dev/deletion": "held"})
    before = sessions.await_phase(Phase.READY)
    sessions.change(suspend=True)
    sessions.await_phase(Phase.SUSPENDING)
    sessions.change(suspend=False)
    waits = sessions.await_phase(Phase.PENDING)
    assert ready(waits).status == "Unknown"
    assert operated.record.pods[uid] == [before.status.pod_uid]
    sessions.annotate_pod(before, deletion=None)
    after = sessions.await_that(lambda each: another(before, each), what="has another pod")
    sessions.annotate_pod(after, deletion=None)


def test_one_that_fails_holds_up_no_other(operated: Stage, sessions: Sessions) -> None:
    sessions.create("sick", nodeSelector={OUTCOME: "image-pull"}, retry={"backoff": "10ms"})
    for number in range(3):
        sessions.create(f"well-{number}")
    for number in range(3):
        sessions.await_phase(Phase.READY, f"well-{number}")
    sessions.await_phase(Phase.FAILED, "sick", reason="RetriesExhausted")


def another(before: ClaudeSession, now: ClaudeSession) -> bool:
    """Whether it is Ready with another pod."""
    return now.status.phase is Phase.READY and now.status.pod_uid != before.status.pod_uid


def set_node(stage: Stage, name: str, status: str) -> None:
    path = f"/api/v1/nodes/{name}"

    def pending() -> str | None:
        found = stage.admin.get(path)["status"].get("conditions") or []
        if not any(each["type"] == "Ready" for each in found):
            return "KWOK has not taken it over"
        conditions = [
            {**each, "status": status} if each["type"] == "Ready" else each for each in found
        ]
        stage.admin.merge(f"{path}/status", {"status": {"conditions": conditions}})
        return None

    until(f"{name} {status}", 20, pending)
