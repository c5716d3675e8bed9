"""What only a real kubelet shows; each ends as docs/operator-reasons.md says."""

import json
from collections.abc import Callable

import pytest

from cluster.engines import running_engine
from deployment.kube import Refused, run_kubectl
from deployment.release import SESSIONS
from e2e.conftest import User
from e2e.kubectl import Session, eventually, kubectl
from e2e.scripts import bash, say
from moorage_testing.sessions_client import text_of

NewSession = Callable[[], Session]

SLOW = say("slowly " * 80, chunk=7, pause_ms=100)
"""An answer of eight seconds."""


def on_its_node(session: Session, *command: str) -> str:
    """Run a command on the node of a session's pod, past Kubernetes."""
    engine = running_engine()
    assert engine is not None
    node = session.pod["spec"]["nodeName"]
    said = engine.ask("exec", node, *command)
    assert said is not None, command
    return said


def process_of(session: Session, container: str) -> str:
    """Return the number that the first process of a container has on the node."""
    statuses = session.pod["status"]["containerStatuses"]
    (found,) = [each["containerID"] for each in statuses if each["name"] == container]
    inspected = on_its_node(session, "crictl", "inspect", found.rpartition("/")[2])
    number: int = json.loads(inspected)["info"]["pid"]
    return str(number)


def is_working(session: Session) -> bool:
    return session.status.get("activity") == "Working"


def test_too_little_memory(session: Session) -> None:
    small = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "96Mi"}}
    session.apply(resources=small, prompt=say("Never."), retry={"limit": 0, "backoff": "1s"})
    session.wait_for_phase("Failed")
    assert "killed for want of memory" in session.status["message"]
    assert "RetriesExhausted" in session.reasons()


def test_an_image_that_is_not_there(session: Session) -> None:
    session.apply(image="moorage-agent:no-such-tag", retry={"limit": 5, "backoff": "5m"})
    session.wait_for_reason("ImagePullFailed")
    assert "moorage-agent:no-such-tag" in session.status["message"]


def test_a_full_workspace_is_evicted(session: Session) -> None:
    session.apply(
        workspace={"kind": "ephemeral", "size": "20Mi"},
        prompt=bash("head -c 100000000 /dev/zero > big; sleep 60"),
        retry={"limit": 5, "backoff": "5m"},
    )
    session.wait_for_reason("Evicted")
    assert "workspace.size" in session.status["message"]


def test_an_eviction_is_refused_while_it_works_and_granted_when_idle(session: Session) -> None:
    session.apply(prompt=SLOW)
    eventually(lambda: is_working(session), "it to work")
    eventually(lambda: not _evict(session), "its budget to hold")
    session.wait("condition=AwaitingInput")
    eventually(lambda: _evict(session), "the eviction")
    session.wait_for_reason("Disrupted")
    session.wait("condition=AwaitingInput")
    assert session.status.get("attempts", 0) == 0


def _evict(session: Session) -> bool:
    """Ask for the eviction of its pod as `kubectl drain` does; whether it was granted."""
    name = session.pod_name
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": SESSIONS},
    }
    path = f"/api/v1/namespaces/{SESSIONS}/pods/{name}/eviction"
    try:
        run_kubectl("create", f"--raw={path}", "--filename=-", given=json.dumps(body))
    except Refused as refused:
        if "disruption budget" not in str(refused):
            raise
        return False
    return True


def test_a_pod_deleted_in_the_middle_of_a_turn(session: Session, admin: User) -> None:
    session.apply(prompt=SLOW)
    uid = session.get()["metadata"]["uid"]
    admin.wait_until(lambda: admin.client.get(f"/sessions/{uid}").status_code == 200, "it")
    seen = admin.until(uid, lambda event: event.type == "message:delta")
    kubectl("delete", "pod", session.pod_name, "--wait=false", "--grace-period=1")
    events = seen + admin.until(uid, lambda event: event.type == "usage", after=seen[-1].id or "")
    turn = events[-1].body["turnId"]
    assert events[-1].body["outcome"] == "completed"
    assert text_of(events, turn).endswith("slowly " * 80)
    session.wait_for_reason("PodDeleted")
    admin.wait_until(lambda: admin.answers(uid) == ["slowly " * 80], "history, with it once")
    assert [message["id"] for message in admin.history(uid)] == [turn]


def test_a_hung_runner_is_replaced(session: Session) -> None:
    session.apply(prompt=say("Here."))
    session.wait("condition=AwaitingInput")
    on_its_node(session, "kill", "-STOP", process_of(session, "runner"))
    session.wait_for_reason("RunnerSilent")
    on_its_node(session, "kill", "-CONT", process_of(session, "runner"))
    session.wait("condition=AwaitingInput")
    assert session.status["attempts"] == 1


def test_a_killed_supervisor(session: Session) -> None:
    session.apply(prompt=say("Here."))
    session.wait("condition=AwaitingInput")
    on_its_node(session, "kill", "-KILL", process_of(session, "agent"))
    session.wait_for_reason("AgentEnded")
    session.wait("condition=AwaitingInput")


@pytest.mark.parametrize(
    "deed",
    [
        "kill -9 -1",
        "rm -f /run/moorage/agent.sock; kill -9 -1",
        # In a shell of its own: Claude Code asks before it lets a command write to such a path.
        "sh -c 'yes | head -c 100000000; kill -9 1; yes | head -c 100000000 > /proc/1/fd/1'",
    ],
    ids=["kills all", "takes the socket", "floods"],
)
def test_what_the_agent_does_to_itself(session: Session, deed: str) -> None:
    """Whatever it is, the session is one that works, or one that says what became of it."""
    once = {"limit": 1, "backoff": "1s"}
    session.apply(prompt=bash(deed, "Done."), interactive=False, retry=once)
    session.wait("jsonpath={.status.finishedAt}")
    status = session.status
    ready = next(each for each in status["conditions"] if each["type"] == "Ready")
    told = {"Completed", "AgentEnded", "ClaudeEnded", "ClaudeNotStarted", "RetriesExhausted"}
    assert ready["reason"] in told, status
    assert status["message"] or ready["reason"] == "Completed"


def test_a_fork_bomb_stays_in_its_pod(session: Session, new_session: NewSession) -> None:
    limit = 2048  # tests/cluster/kind.yaml
    neighbour = new_session()
    little = {"requests": {"cpu": "20m"}, "limits": {"cpu": "300m", "memory": "3Gi"}}
    session.apply(resources=little)
    session.wait_for_phase("Ready")
    node = session.pod["spec"]["nodeName"]
    neighbour.apply(nodeSelector={"kubernetes.io/hostname": node}, prompt=say("Here."))
    neighbour.wait("condition=AwaitingInput")

    # Each stays, until bash gives up at the limit and the agent's supervisor ends what is left: for
    # seconds, so they are counted on the node. Its streams are closed: exec waits for whoever holds
    # them.
    bomb = "(while :; do sleep 600 & done) < /dev/null > /dev/null 2>&1 & true"
    kubectl("exec", session.pod_name, "--container=agent", "--", "bash", "-c", bomb)

    def processes() -> int:
        return int(on_its_node(neighbour, "sh", "-c", "ps --no-headers -u 64102 | wc -l"))

    counted = []

    def is_full() -> bool:
        counted.append(processes())
        return counted[-1] > 0.9 * limit

    eventually(is_full, lambda: f"the pod to be full; counted {counted}")
    assert max(counted) < 1.1 * limit
    said = kubectl("exec", neighbour.pod_name, "--container=agent", "--", "echo", "well")
    assert said == "well\n"
    assert neighbour.status["phase"] == "Ready"

    kubectl("delete", "claudesession", session.name, "--timeout=120s")
    eventually(lambda: session.pods() == [], "the bomb to be gone with its pod")
