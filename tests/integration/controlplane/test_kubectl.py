"""What a person with kubectl sees of the resources."""

import re
from pathlib import Path

import pytest
import yaml

from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.controlplane.processes import until

from .schemas import collection, definitions, manifest

URL = "https://git.example.com/team/app.git"
SESSION = manifest(
    "claudesessions", spec={"repository": {"url": URL}, "owner": "ada", "prompt": "Do it."}
)
STATUS = {
    "phase": "Ready",
    "activity": "Working",
    "podName": "example-pod",
    "nodeName": "node-0",
    "usage": {"costUsd": 1.25},
}
POOL = manifest("claudesessionpools", spec={"templateRef": {"name": "base"}, "replicas": 2})
BASE = manifest(
    "claudesessiontemplates", spec={"repository": {"url": URL}, "claude": {"model": "opus"}}
)
NAMES = [
    (plural, name)
    for plural, crd in definitions().items()
    for name in (*crd["spec"]["names"]["shortNames"], crd["spec"]["names"]["singular"])
]


@pytest.fixture
def there(admin: Api, namespace: str) -> str:
    """Return a namespace with one object of each resource."""
    for plural, body in (
        ("claudesessions", SESSION),
        ("claudesessionpools", POOL),
        ("claudesessiontemplates", BASE),
    ):
        admin.create(collection(plural, namespace), body)
    admin.merge(f"{collection('claudesessions', namespace)}/example/status", {"status": STATUS})
    status = {"status": {"replicas": 2, "ready": 1, "claimed": 5}}
    admin.merge(f"{collection('claudesessionpools', namespace)}/example/status", status)
    return namespace


def table(printed: str) -> dict[str, str]:
    """Return the first line of kubectl's table, by column."""
    header, line = printed.splitlines()[:2]
    return dict(zip(header.split(), line.split(), strict=True))


def test_the_definitions_raise_no_warning(control_plane: ControlPlane) -> None:
    crds = control_plane.options.crds
    for path in sorted(crds.glob("*.yaml") if crds else ()):
        printed = control_plane.kubectl("replace", "--dry-run=server", "-f", str(path))
        assert printed.startswith("customresourcedefinition.apiextensions.k8s.io/"), printed
        assert len(printed.splitlines()) == 1


def test_a_session_in_a_list(control_plane: ControlPlane, there: str) -> None:
    shown = table(control_plane.kubectl("get", "claudesessions", "-n", there))
    age = shown.pop("AGE")
    assert re.fullmatch(r"\d+s", age)
    assert shown == {
        "NAME": "example",
        "PHASE": "Ready",
        "ACTIVITY": "Working",
        "REPOSITORY": URL,
        "COST": "1.25",
    }


def test_a_session_in_a_wide_list(control_plane: ControlPlane, there: str) -> None:
    shown = table(control_plane.kubectl("get", "claudesessions", "-n", there, "-o", "wide"))
    assert (shown["POD"], shown["NODE"], shown["OWNER"]) == ("example-pod", "node-0", "ada")


def test_a_pool_and_a_template_in_a_list(control_plane: ControlPlane, there: str) -> None:
    pool = table(control_plane.kubectl("get", "claudesessionpools", "-n", there))
    template = table(control_plane.kubectl("get", "claudesessiontemplates", "-n", there))
    assert pool.pop("AGE")
    assert template.pop("AGE")
    assert pool == {
        "NAME": "example",
        "TEMPLATE": "base",
        "REPLICAS": "2",
        "READY": "1",
        "CLAIMED": "5",
    }
    assert template == {"NAME": "example", "REPOSITORY": URL, "MODEL": "opus"}


@pytest.mark.parametrize(("plural", "name"), NAMES)
def test_a_short_name(plural: str, name: str, control_plane: ControlPlane, there: str) -> None:
    printed = control_plane.kubectl("get", name, "-n", there, "-o", "name")
    singular = definitions()[plural]["spec"]["names"]["singular"]
    assert printed.strip() == f"{singular}.moorage.dev/example"


def test_the_category_shows_all_three(control_plane: ControlPlane, there: str) -> None:
    printed = control_plane.kubectl("get", "moorage", "-n", there, "-o", "name")
    assert set(printed.split()) == {
        "claudesession.moorage.dev/example",
        "claudesessionpool.moorage.dev/example",
        "claudesessiontemplate.moorage.dev/example",
    }


def test_explain_teaches(control_plane: ControlPlane) -> None:
    """The API server publishes what kubectl explains a little after it serves the resource."""

    def missing() -> str | None:
        printed = control_plane.kubectl("explain", "claudesession.spec", check=False)
        expected = ("What should run.", "suspend\t<boolean>", "no pod, everything kept")
        return None if all(part in printed for part in expected) else printed

    until("claudesession.spec explained", 30, missing)
    printed = control_plane.kubectl("explain", "claudesession.spec.timeouts.idle")
    assert "Default: 30m." in " ".join(printed.split())
    printed = control_plane.kubectl("explain", "claudesession.spec.claude.permissionMode")
    assert "bypassPermissions" in printed


def test_scale(control_plane: ControlPlane, admin: Api, there: str) -> None:
    printed = control_plane.kubectl("scale", "csp/example", "--replicas=4", "-n", there)
    assert printed.strip() == "claudesessionpool.moorage.dev/example scaled"
    pool = admin.get(f"{collection('claudesessionpools', there)}/example")
    assert pool["spec"]["replicas"] == 4


def test_a_mistake_is_told_in_one_sentence(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "session.yaml"
    wrong.write_text(yaml.safe_dump(manifest("claudesessions", spec={"prompt": "Do it."})))
    printed = control_plane.kubectl("apply", "-f", str(wrong), "-n", namespace, check=False)
    assert printed.strip() == (
        'The ClaudeSession "example" is invalid: spec: Invalid value: '
        "name a repository, or a template that has one in templateRef"
    )


def test_a_typo_is_told(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    wrong = tmp_path / "session.yaml"
    spec = {"repository": {"url": URL}, "promt": "Do it."}
    wrong.write_text(yaml.safe_dump(manifest("claudesessions", spec=spec)))
    printed = control_plane.kubectl("apply", "-f", str(wrong), "-n", namespace, check=False)
    assert 'unknown field "spec.promt"' in printed
