"""The chart, tested as it says, and upgraded under a session that works. They run alone."""

import pytest

from deployment.kube import run_kubectl
from deployment.release import NAME, NAMESPACE, helm, install, installed_values
from e2e.conftest import User
from e2e.kubectl import Session, eventually
from e2e.scripts import say
from moorage_testing.helm import EARLIER
from moorage_testing.sessions_client import text_of

pytestmark = pytest.mark.alone

ROLLED = ("gateway", "operator", "recorder", "proxy")


def test_the_charts_own_test() -> None:
    helm("test", NAME, "--logs", wait=False)


def test_an_upgrade_from_the_chart_before_leaves_a_session_that_works_alone(
    session: Session, admin: User
) -> None:
    """All that serves it is rolled; its pod stays, its turn goes on, its stream is resumed."""
    values = installed_values()
    install(values, EARLIER)
    session.apply(prompt=say("slowly " * 300, chunk=7, pause_ms=100))
    uid = session.get()["metadata"]["uid"]
    admin.wait_until(lambda: admin.client.get(f"/sessions/{uid}").status_code == 200, "it")
    seen = admin.until(uid, lambda event: event.type == "message:delta")
    pod, before = session.pod["metadata"]["uid"], _control_plane()

    for part in ROLLED:  # as other versions of the images do
        values[part]["podAnnotations"] = {"e2e": uid}
    install(values)

    eventually(lambda: not before & _control_plane(), "what ran before to be gone")
    events = seen + admin.until(uid, lambda event: event.type == "usage", after=seen[-1].id or "")
    assert events[-1].body["outcome"] == "completed"
    assert text_of(events, events[-1].body["turnId"]) == "slowly " * 300
    assert session.pod["metadata"]["uid"] == pod
    eventually(lambda: admin.answers(uid) == ["slowly " * 300], "history, with it once")


def _control_plane() -> set[str]:
    """Return the pods of the parts that serve sessions."""
    chosen = f"--selector=app.kubernetes.io/component in ({','.join(ROLLED)})"
    return set(run_kubectl("get", "pods", f"--namespace={NAMESPACE}", chosen, "-oname").split())
