"""The chart on a real API server: installed, upgraded, removed and installed again.

No kubelet is there: what pods do is for the end-to-end tests, what they may be is for these.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.controlplane.options import GARBAGE, Options
from moorage_testing.controlplane.plane import ControlPlane, running_control_plane
from moorage_testing.helm import CHART, EARLIER, NAMESPACE, Helm, HelmRefused, Manifest, find, pods

from .cases import DEFAULTS, EVERYTHING, OTHER_KEYS

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
FOREIGN = {"HTTPRoute", "ServiceMonitor"}
SESSION = {
    "apiVersion": "moorage.dev/v1alpha1",
    "kind": "ClaudeSession",
    "metadata": {"name": "work", "namespace": "moorage-sessions"},
    "spec": {"repository": {"url": "https://example.com/r.git"}},
}
WORKLOADS = ("Deployment", "StatefulSet")


class Installed:
    """A cluster with the chart in it."""

    def __init__(self, plane: ControlPlane, helm: Helm) -> None:
        self.plane = plane
        self.helm = helm

    def helm_run(self, command: str, values: Any = None, chart: Path = CHART) -> str:
        more = ("--reset-values",) if command == "upgrade" else ()
        where = ("-n", NAMESPACE, *more)
        return self.helm.run(command, "moorage", str(chart), *where, values=values or {})

    def get(self, kind: str, name: str, namespace: str = NAMESPACE) -> Manifest:
        found = self.plane.kubectl("get", kind, name, "-n", namespace, "-o", "json")
        made: Manifest = json.loads(found)
        return made

    def passwords(self) -> dict[str, Any]:
        return {
            name: self.get("secret", f"moorage-{name}")["data"]
            for name in ("gateway", "postgres", "redis")
        }

    def generations(self) -> dict[str, int]:
        """Return how often each workload was changed: what stays the same does not roll."""
        found = json.loads(
            self.plane.kubectl("get", ",".join(WORKLOADS), "-n", NAMESPACE, "-o", "json")
        )
        return {
            each["metadata"]["name"].removeprefix("moorage-"): each["metadata"]["generation"]
            for each in found["items"]
        }

    def rolled_by(self, values: Any, chart: Path = CHART) -> set[str]:
        """Upgrade, and return what changed."""
        self.helm_run("upgrade", DEFAULTS)
        before = self.generations()
        self.helm_run("upgrade", values, chart)
        after = self.generations()
        return {name for name in after if after[name] != before.get(name)}


@pytest.fixture(scope="module")
def plane(helm: Helm) -> Iterator[ControlPlane]:
    with running_control_plane(Options(crds=None, controllers=GARBAGE)) as running:
        with running.client() as admin:
            for name, labels in ((NAMESPACE, RESTRICTED), ("team-a", {})):
                body = {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": name, "labels": labels},
                }
                admin.create("/api/v1/namespaces", body)
        yield running


@pytest.fixture(scope="module")
def installed(plane: ControlPlane, helm: Helm) -> Installed:
    made = Installed(plane, Helm(helm.home, plane.kubeconfig()))
    notes = made.helm_run("install")
    assert "create-admin you@example.com" in notes
    assert "kubectl create secret generic moorage-model-key" in notes
    return made


@pytest.fixture
def session(installed: Installed) -> Iterator[Manifest]:
    """A ClaudeSession with its pod, in the middle of its work."""
    place = "/apis/moorage.dev/v1alpha1/namespaces/moorage-sessions/claudesessions"
    with installed.plane.client() as admin:
        made = admin.create(place, SESSION)
        pod = restricted_pod("work")
        admin.create("/api/v1/namespaces/moorage-sessions/pods", pod)
        made["metadata"].pop("managedFields")  # which kubectl does not show
        yield made
        admin.delete(f"{place}/work")
        admin.delete("/api/v1/namespaces/moorage-sessions/pods/work", gracePeriodSeconds="0")


@pytest.mark.parametrize("values", [DEFAULTS, EVERYTHING, OTHER_KEYS])
def test_every_manifest_is_taken_as_it_is(
    installed: Installed, tmp_path: Path, values: Manifest
) -> None:
    """Strictly: a field that the API server does not know is refused."""
    found = [each for each in installed.helm.template(values) if each["kind"] not in FOREIGN]
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(found))
    said = installed.plane.kubectl(
        *("apply", "--dry-run=server", "--validate=strict", "--server-side", "--force-conflicts"),
        *("--field-manager=helm", "-f", str(file)),
    )
    assert said.count("serverside-applied") == len(found)
    assert "Warning" not in said


@pytest.mark.parametrize("values", [DEFAULTS, EVERYTHING])
def test_every_pod_is_admitted_where_pod_security_is_restricted(
    installed: Installed, values: Manifest
) -> None:
    made = pods(installed.helm.template(values))
    assert len(made) >= 5
    with installed.plane.client() as admin:
        for pod in made:
            admin.create(f"/api/v1/namespaces/{NAMESPACE}/pods", pod, dryRun="All")
            loose = json.loads(json.dumps(pod))
            del loose["spec"]["containers"][0]["securityContext"]["capabilities"]
            with pytest.raises(ApiRefused, match="violates PodSecurity"):
                admin.create(f"/api/v1/namespaces/{NAMESPACE}/pods", loose, dryRun="All")


def test_the_sessions_namespace_is_restricted(installed: Installed) -> None:
    loose = restricted_pod("loose")
    loose["spec"]["hostNetwork"] = True
    with installed.plane.client() as admin, pytest.raises(ApiRefused, match="PodSecurity"):
        admin.create("/api/v1/namespaces/moorage-sessions/pods", loose, dryRun="All")


@pytest.mark.parametrize(
    ("account", "verb", "resource", "namespace", "answer"),
    [
        ("operator", "create", "pods", "moorage-sessions", "yes"),
        ("operator", "list", "secrets", "moorage-sessions", "no"),
        ("operator", "create", "claudesessions.moorage.dev", "moorage-sessions", "no"),
        ("operator", "create", "pods", "moorage", "no"),
        ("operator", "get", "secrets", "moorage", "no"),
        ("operator", "update", "leases.coordination.k8s.io", "moorage", "yes"),
        ("operator", "get", "nodes", "", "yes"),
        ("operator", "list", "nodes", "", "no"),
        ("gateway", "create", "claudesessions.moorage.dev", "moorage-sessions", "yes"),
        ("gateway", "watch", "claudesessions.moorage.dev", "moorage-sessions", "yes"),
        ("gateway", "patch", "claudesessions.moorage.dev/status", "moorage-sessions", "no"),
        ("gateway", "list", "claudesessions.moorage.dev", "default", "no"),
        ("gateway", "get", "pods", "moorage-sessions", "no"),
        ("gateway", "get", "secrets", "moorage-sessions", "no"),
        ("gateway", "get", "secrets", "moorage", "no"),
        ("gateway", "get", "nodes", "", "no"),
        ("recorder", "list", "claudesessions.moorage.dev", "moorage-sessions", "yes"),
        ("recorder", "watch", "claudesessions.moorage.dev", "moorage-sessions", "yes"),
        ("recorder", "list", "claudesessions.moorage.dev", "default", "no"),
        ("recorder", "create", "claudesessions.moorage.dev", "moorage-sessions", "no"),
        ("recorder", "patch", "claudesessions.moorage.dev", "moorage-sessions", "no"),
        ("recorder", "delete", "claudesessions.moorage.dev", "moorage-sessions", "no"),
        ("recorder", "get", "claudesessiontemplates.moorage.dev", "moorage-sessions", "no"),
        ("recorder", "get", "secrets", "moorage-sessions", "no"),
        ("recorder", "get", "secrets", "moorage", "no"),
    ],
)
def test_what_accounts_may_do(
    installed: Installed, account: str, verb: str, resource: str, namespace: str, answer: str
) -> None:
    resource, _, part = resource.partition("/")
    said = installed.plane.kubectl(
        *("auth", "can-i", verb, resource),
        *((f"--subresource={part}",) if part else ()),
        *(("-n", namespace) if namespace else ()),
        f"--as=system:serviceaccount:{NAMESPACE}:moorage-{account}",
        check=False,
    )
    assert said.strip().splitlines()[-1] == answer


def test_an_upgrade_without_a_change_changes_nothing(installed: Installed) -> None:
    before = installed.passwords()
    assert installed.rolled_by(DEFAULTS) == set()
    assert installed.passwords() == before


def test_a_new_version_rolls_what_is_new_and_leaves_sessions_alone(
    installed: Installed, session: Manifest, tmp_path: Path
) -> None:
    chart = newer(tmp_path)
    everything = set(installed.generations())
    pod = installed.get("pod", "work", "moorage-sessions")
    rolled = installed.rolled_by(DEFAULTS, chart)
    # Their images' default tag is the version; Redis and PostgreSQL have versions of their own.
    assert rolled == everything - {"redis", "postgres"}
    assert installed.get("claudesession", "work", "moorage-sessions") == session
    assert installed.get("pod", "work", "moorage-sessions") == pod
    crd = installed.get("crd", "claudesessions.moorage.dev")
    assert crd["metadata"]["labels"]["app.kubernetes.io/version"] == "9.9.9"
    assert crd["spec"]["names"]["shortNames"] == ["csession", "newer"]


def test_from_the_chart_before_to_this_one(installed: Installed, session: Manifest) -> None:
    """What Kubernetes does not let change, it would refuse here."""
    passwords = installed.passwords()
    installed.helm.run("uninstall", "moorage", "-n", NAMESPACE)
    installed.helm_run("install", chart=EARLIER)
    before = installed.generations()
    installed.helm_run("upgrade")
    after = installed.generations()
    assert after.keys() == before.keys()
    assert {"gateway", "operator", "proxy", "recorder"} <= {
        name for name in after if after[name] != before[name]
    }
    assert installed.passwords() == passwords
    assert installed.get("claudesession", "work", "moorage-sessions") == session
    crd = installed.get("crd", "claudesessions.moorage.dev")
    assert crd["metadata"]["labels"]["app.kubernetes.io/version"] == "0.1.0"


def test_from_the_bundled_stores_to_others_and_back(installed: Installed) -> None:
    own = {key: EVERYTHING[key] for key in ("redis", "postgres")}
    assert installed.rolled_by(own) == {"gateway", "operator", "proxy", "recorder"}
    assert not {"redis", "postgres"} & installed.generations().keys()
    installed.helm_run("upgrade", DEFAULTS)
    assert {"redis", "postgres"} <= installed.generations().keys()


def test_a_changed_password_rolls_who_uses_it(installed: Installed) -> None:
    installed.helm_run("upgrade", DEFAULTS)
    before = installed.generations()
    patch = {"stringData": {"password": "another"}}
    with installed.plane.client() as admin:
        admin.merge(f"/api/v1/namespaces/{NAMESPACE}/secrets/moorage-postgres", patch)
    installed.helm_run("upgrade", DEFAULTS)
    after = installed.generations()
    rolled = {name for name in after if after[name] != before[name]}
    assert rolled == {"gateway", "postgres", "recorder"}
    assert installed.passwords()["postgres"] == {"password": "YW5vdGhlcg=="}


def test_the_migration_of_a_version_is_one_job(installed: Installed, tmp_path: Path) -> None:
    installed.helm_run("upgrade", DEFAULTS)
    first = jobs(installed)
    installed.helm_run("upgrade", DEFAULTS)
    assert jobs(installed) == first
    installed.helm_run("upgrade", DEFAULTS, newer(tmp_path))
    second = jobs(installed)
    assert len(second) == 1
    assert second != first


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (
            {"priorityClasses": {"controlPlane": 1_000_000}},
            "controlPlane .* is 100000 .* delete priorityclass moorage-moorage-control-plane`",
        ),
        ({"priorityClasses": {"sessions": -10}}, "priorityClasses.sessions .* it is 0 "),
        (
            {"redis": {"volume": {"size": "3Gi"}}},
            "redis.volume.size .* it is 2Gi .* moorage-redis -n moorage --cascade=orphan`",
        ),
        ({"redis": {"volume": {"storageClassName": "fast"}}}, "redis.volume.storageClassName"),
        ({"postgres": {"volume": {"size": "6Gi"}}}, "postgres.volume.size .* it is 5Gi "),
        ({"postgres": {"volume": {"storageClassName": "fast"}}}, "it is the cluster's default"),
    ],
)
def test_what_the_cluster_does_not_change_is_told_before_anything_is_changed(
    installed: Installed, values: dict[str, Any], named: str
) -> None:
    installed.helm_run("upgrade", DEFAULTS)
    before = installed.generations()
    with pytest.raises(HelmRefused, match=named):
        installed.helm_run("upgrade", values | {"gateway": {"replicas": 2}})
    assert installed.generations() == before


def test_a_size_may_be_written_otherwise(installed: Installed) -> None:
    volumes = {"redis": {"volume": {"size": "2048Mi"}}, "postgres": {"volume": {"size": "5.0Gi"}}}
    assert installed.rolled_by(volumes) == set()


def test_what_is_deleted_first_may_be_changed(installed: Installed) -> None:
    """As the refusals say; the volume itself stays as it is."""
    changed = {
        "priorityClasses": {"controlPlane": 5},
        "redis": {"volume": {"size": "3Gi", "storageClassName": "fast"}},
    }
    installed.helm_run("upgrade", DEFAULTS)
    for values in (changed, DEFAULTS):
        installed.plane.kubectl("delete", "priorityclass", "moorage-moorage-control-plane")
        installed.plane.kubectl(
            *("delete", "statefulset", "moorage-redis", "-n", NAMESPACE, "--cascade=orphan")
        )
        installed.helm_run("upgrade", values)
        priority = installed.get("priorityclass", "moorage-moorage-control-plane")["value"]
        (claim,) = installed.get("statefulset", "moorage-redis")["spec"]["volumeClaimTemplates"]
        size = claim["spec"]["resources"]["requests"]["storage"]
        assert (priority, size) == ((5, "3Gi") if values else (100_000, "2Gi"))


def test_removed_and_installed_again(installed: Installed, session: Manifest) -> None:
    before = installed.passwords()
    installed.helm.run("uninstall", "moorage", "-n", NAMESPACE)
    assert installed.get("claudesession", "work", "moorage-sessions") == session
    assert installed.passwords() == before
    assert installed.generations() == {}
    installed.helm_run("install")
    assert installed.passwords() == before
    assert installed.get("claudesession", "work", "moorage-sessions") == session


def test_two_releases_stand_beside_each_other(installed: Installed) -> None:
    values = {
        "crds": {"install": False},
        "sessions": {"namespace": "other-sessions"},
    }
    where = ("-n", "team-a")
    installed.helm.run("install", "moorage", str(CHART), *where, values=values)
    installed.helm.run("uninstall", "moorage", *where)


def test_with_secrets_of_one_s_own_nothing_is_by_chance(helm: Helm) -> None:
    own = {"existingSecret": "mine"}
    values = {"gateway": {"login": own}, "redis": {"auth": own}, "postgres": {"auth": own}}
    assert helm.template(values) == helm.template(values)
    assert find(helm.template(values), "Deployment", "gateway")


def newer(folder: Path) -> Path:
    """Return a later version of the chart, with another one of the kinds."""
    chart = folder / "moorage"
    shutil.copytree(CHART, chart)
    about = chart / "Chart.yaml"
    about.write_text(about.read_text().replace("0.1.0", "9.9.9"))
    crd = chart / "files" / "crds" / "moorage.dev_claudesessions.yaml"
    crd.write_text(crd.read_text().replace("- csession\n", "- csession\n      - newer\n"))
    return chart


def jobs(installed: Installed) -> list[str]:
    return installed.plane.kubectl("get", "jobs", "-n", NAMESPACE, "-o", "name").split()


def restricted_pod(name: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/component": "session"}},
        "spec": {
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "agent",
                    "image": "agent",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }
