"""Sessions hold no key: the model and git are reached through the credential proxy."""

import base64
import json
import uuid

from deployment.kube import run_kubectl
from deployment.model import FLEET, NAMESPACE, SCRIPTED_KEY
from e2e.conftest import User
from e2e.kubectl import Session, kubectl
from e2e.scripts import bash


def test_the_model_gets_the_key_and_the_pod_a_token(session: Session) -> None:
    session.apply(prompt=bash("env | grep -i anthropic", "It is {tool_result}"))
    session.wait("condition=AwaitingInput")
    assert "ANTHROPIC_BASE_URL=http://moorage-proxy.moorage.svc:8082" in session.log
    assert SCRIPTED_KEY not in session.log
    mine = [each for each in _seen_by_the_model() if "Run it." in each["last_user_text"]]
    assert {each["credential"] for each in mine} == {f"x-api-key {SCRIPTED_KEY[-4:]}"}
    held = kubectl("get", "secret", "--output=jsonpath={.items[*].data.*}").split()
    assert SCRIPTED_KEY not in [base64.b64decode(each).decode() for each in held]


def test_a_private_repository_is_cloned_and_pushed_to(session: Session) -> None:
    branch = f"claude/{uuid.uuid4().hex[:8]}"
    commit = "git -c user.name=A -c user.email=a@example.com commit -q --allow-empty -m More"
    session.apply(
        repository={"url": FLEET},
        prompt=bash(f"{commit} && git push origin HEAD:{branch}; git push origin HEAD:main"),
    )
    session.wait("condition=AwaitingInput")
    assert f"HEAD -> {branch}" in session.log
    assert "! [remote rejected] HEAD -> main" in session.log


def test_a_push_is_in_the_audit(session: Session, admin: User) -> None:
    branch = f"claude/{uuid.uuid4().hex[:8]}"
    session.apply(repository={"url": FLEET}, prompt=bash(f"git push origin HEAD:{branch}"))
    session.wait("condition=AwaitingInput")
    admin.wait_until(
        lambda: branch in admin.client.get("/admin/audit").text, "the push in the audit"
    )


def _seen_by_the_model() -> list[dict[str, str]]:
    path = f"/api/v1/namespaces/{NAMESPACE}/services/model:8080/proxy/stats?last=1000"
    seen: list[dict[str, str]] = json.loads(run_kubectl("get", f"--raw={path}"))["recent"]
    return seen
