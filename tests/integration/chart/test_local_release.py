"""What `make up` tells the chart, with each model and with any number of nodes."""

from typing import Any

import pytest

from deployment import model, release
from deployment.images import MOORAGE
from deployment.nodes import CONTROL_PLANE_NODE
from moorage_testing.helm import Helm, Manifest

KEY = "sk-ant-of-the-test"
TAGS = dict.fromkeys(MOORAGE, "0123456789ab")


def rendered(helm: Helm, workers: int = 2) -> list[Manifest]:
    """Return the manifests of the release; the values' schema is closed, so none is misspelled."""
    chosen = model.chosen()
    address = "10.96.1.2" if chosen.scripted else None
    return helm.template(release.values(TAGS, chosen, workers, address))


def pods(manifests: list[Manifest]) -> dict[str, dict[str, Any]]:
    """Return the pods' specs by the name of what makes them."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in manifests
        if each["kind"] in {"Deployment", "StatefulSet"}
    }


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(model.KEY, raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)


def operator_environment(manifests: list[Manifest]) -> dict[str, str]:
    """Return what the operator is told by its environment and its ConfigMap."""
    (container,) = pods(manifests)["moorage-operator"]["containers"]
    told = {each["name"]: each.get("value", "") for each in container.get("env", [])}
    for each in manifests:
        if each["kind"] == "ConfigMap":
            told |= each.get("data", {})
    return told


def test_without_a_key_the_scripted_model_is_behind_the_proxy(helm: Helm) -> None:
    assert model.chosen().scripted
    told = operator_environment(rendered(helm))
    assert model.SCRIPTED in told["MOORAGE_PROXY_MODEL__UPSTREAMS"]
    assert told["MOORAGE_PROXY_EGRESS__ALLOWED_NETWORKS"] == "10.96.1.2/32"
    assert "proxy" in told["MOORAGE_OPERATOR_POD__PROXY_URL"]
    assert not [name for name in told if "MODEL_KEY" in name]


def test_with_the_real_model_no_address_inside_is_allowed(
    helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(model.KEY, KEY)
    told = operator_environment(rendered(helm))
    assert "MOORAGE_PROXY_EGRESS__ALLOWED_NETWORKS" not in told
    assert "MOORAGE_PROXY_GIT__HTTP_HOSTS" not in told


@pytest.mark.parametrize(
    ("base", "url"),
    [("", "https://api.anthropic.com"), ("https://models.example.com", None)],
)
def test_a_key_chooses_the_real_model(
    base: str, url: str | None, helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(model.KEY, KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", base)
    manifests = rendered(helm)
    assert not model.chosen().scripted
    assert (url or base) in "\n".join(operator_environment(manifests).values())
    assert release.KEY_SECRET in str(manifests)


def test_the_key_is_in_its_secret_alone(helm: Helm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(model.KEY, KEY)
    assert KEY not in str(rendered(helm))
    assert KEY not in repr(model.chosen())
    (secret,) = release.proxy_secrets(model.chosen())
    assert secret["stringData"] == {"api-key": KEY}
    assert secret["metadata"] == {"name": release.KEY_SECRET, "namespace": release.NAMESPACE}


def test_only_sessions_are_on_the_spare_node(helm: Helm) -> None:
    place = {"kubernetes.io/hostname": CONTROL_PLANE_NODE}
    found = pods(rendered(helm))
    assert len(found) >= 5
    assert {name: spec.get("nodeSelector") for name, spec in found.items()} == dict.fromkeys(
        found, place
    )


def test_a_cluster_of_one_node_holds_everything(helm: Helm) -> None:
    assert not any(spec.get("nodeSelector") for spec in pods(rendered(helm, workers=0)).values())
