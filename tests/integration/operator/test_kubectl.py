"""What a person with kubectl sees of a session that an operator takes care of."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage_api.resources import Activity, Phase, Usage
from moorage_testing.controlplane.errors import KubectlFailed
from moorage_testing.operating.member import Script
from moorage_testing.operating.sessions import REPOSITORY, Sessions
from moorage_testing.operating.stage import Stage

Kubectl = Callable[..., str]


@pytest.fixture
def kubectl(operated: Stage, sessions: Sessions) -> Kubectl:
    def run(*arguments: str) -> str:
        return operated.plane.kubectl(*arguments, "-n", sessions.namespace)

    return run


def test_wait_for_input(kubectl: Kubectl, sessions: Sessions) -> None:
    sessions.create(prompt="Say hello.")
    said = kubectl("wait", "--for=condition=AwaitingInput", "csession/example", "--timeout=20s")
    assert said.strip() == "claudesession.moorage.dev/example condition met"


def test_wait_for_a_batch(kubectl: Kubectl, sessions: Sessions) -> None:
    sessions.create(prompt=Script.COMPLETES, interactive=False)
    said = kubectl("wait", "--for=condition=Complete", "csession/example", "--timeout=20s")
    assert said.strip() == "claudesession.moorage.dev/example condition met"
    with pytest.raises(KubectlFailed, match="timed out waiting"):
        kubectl("wait", "--for=condition=AwaitingInput", "csession/example", "--timeout=1s")


def test_a_list(kubectl: Kubectl, operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create(owner="ada")
    sessions.await_phase(Phase.READY)
    used = {"activity": Activity.WORKING, "usage": Usage(cost_usd=0.25, turns=1)}
    operated.crew.tell(uid, lambda member: member.say(**used))
    sessions.await_that(lambda each: each.status.usage.cost_usd > 0)
    header, line = kubectl("get", "claudesessions", "-o", "wide").splitlines()
    shown = dict(zip(header.split(), line.split(), strict=True))
    assert re.fullmatch(r"\d+s", shown.pop("AGE"))
    assert shown == {
        "NAME": "example",
        "PHASE": "Ready",
        "ACTIVITY": "Working",
        "REPOSITORY": REPOSITORY["url"],
        "COST": "0.25",
        "POD": f"session-{uid}",
        "NODE": "node-0",
        "OWNER": "ada",
    }


def test_describe_tells_what_happened(
    kubectl: Kubectl, operated: Stage, sessions: Sessions
) -> None:
    uid = sessions.create(retry={"backoff": "100ms"})
    sessions.await_phase(Phase.READY)
    operated.crew.end(uid, "oom")
    sessions.await_event("Warning", "OutOfMemory")
    said = kubectl("describe", "claudesession", "example")
    events = said.partition("Events:")[2]
    assert re.search(
        r"Warning\s+OutOfMemory\s+\S+\s+moorage-operator\s+The container runner was killed", events
    ), said
    assert "Type:" in said.partition("Conditions:")[2]


def test_the_session_of_a_pod(kubectl: Kubectl, sessions: Sessions) -> None:
    uid = sessions.create("fix-the-login")
    sessions.await_phase(Phase.READY, "fix-the-login")
    said = kubectl("get", "pods", "-l", "moorage.dev/session=fix-the-login", "-o", "name")
    assert said.strip() == f"pod/session-{uid}"


def test_applied_from_a_file_and_deleted(
    kubectl: Kubectl, sessions: Sessions, tmp_path: Path
) -> None:
    file = tmp_path / "session.yaml"
    file.write_text(
        "apiVersion: moorage.dev/v1alpha1\nkind: ClaudeSession\nmetadata: {name: example}\n"
        f"spec: {{repository: {{url: {REPOSITORY['url']}}}, prompt: Say hello.}}\n"
    )
    kubectl("apply", "-f", str(file))
    session = sessions.await_phase(Phase.READY)
    assert kubectl("apply", "-f", str(file)).strip().endswith("unchanged")
    kubectl("delete", "-f", str(file), "--timeout=20s")
    sessions.await_gone(sessions.own("pods", session))
