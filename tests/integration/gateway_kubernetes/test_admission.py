"""What the cluster's admission policy refuses, told in the terms of the request."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from moorage_testing.admission import in_force
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.helm import Helm
from moorage_testing.operating.sessions import REPOSITORY

from .conftest import Scene

BODY: Final = {"projectPath": REPOSITORY["url"]}


@pytest.fixture(autouse=True, scope="module")
def _policy(helm: Helm, scene: Scene) -> Iterator[None]:
    """Have the chart's policy in the namespace where the gateway makes sessions."""
    home, namespace = scene.stage.home, scene.stage.namespaces[0]
    release = helm.template({"sessions": {"namespace": namespace}}, "-n", home)
    sessions = f"/apis/moorage.dev/v1alpha1/namespaces/{namespace}/claudesessions"
    probe = {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "ClaudeSession",
        "metadata": {"name": "probe"},
        "spec": {"repository": REPOSITORY, "claude": {"env": {"MOORAGE_PROBE": "1"}}},
    }

    def pending() -> str | None:
        try:
            scene.stage.admin.create(sessions, probe, dryRun="All")
        except ApiRefused:
            return None
        return "taken"

    with in_force(scene.stage.admin, release, home, pending):
        yield


@pytest.mark.parametrize(
    ("asked", "path", "sentence"),
    [
        (
            {"workspace": {"size": "51Gi"}},
            "workspace.size",
            "51Gi is more than is allowed in this namespace: 50Gi",
        ),
        (
            {"workspace": {"storageClassName": "fast"}},
            "workspace.storageClassName",
            "fast is not allowed in this namespace",
        ),
        (
            {"claude": {"env": {"AWS_PROFILE": "x"}}},
            "claude.env",
            "of AWS_PROFILE not all are allowed in this namespace",
        ),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "refused"}], ids=["", "with a key"])
def test_a_limit_is_told_with_the_fields_path(
    scene: Scene, asked: dict[str, Any], path: str, sentence: str, headers: dict[str, str]
) -> None:
    keyed = {name: f"{value} {path}" for name, value in headers.items()}
    answer = scene.ada.http.post("/sessions", json=BODY | asked, headers=keyed)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    (mistake,) = answer.json()["details"]
    assert mistake["path"] == path
    assert mistake["message"].startswith(sentence)
    assert answer.json()["error"] == f"{path}: {mistake['message']}"
    assert scene.ada.ids() == []


def test_what_is_allowed_is_made(scene: Scene) -> None:
    made = scene.ada.post("/sessions", BODY | {"workspace": {"size": "50Gi"}})["id"]
    assert scene.ada.ids() == [made]
