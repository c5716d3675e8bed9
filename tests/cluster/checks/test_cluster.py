"""What Moorage needs of a cluster works on this one, whichever way it was made."""

import json
import urllib.request

import pytest

from cluster.checks import machine
from cluster.checks.commands import HERE, cluster, kube, probe
from cluster.kind import default_port

pytestmark = pytest.mark.usefixtures("three_nodes")


def pods() -> dict[str, str]:
    """The probes' names, and where they run."""
    listed = json.loads(probe("get", "pods", "--selector=app=probe", "--output=json"))
    return {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in listed["items"]}


def asked(pod: str, address: str) -> str:
    """What a pod hears from an address."""
    script = f"import urllib.request as u; print(u.urlopen('http://{address}').read().decode())"
    return probe("exec", pod, "--", "python3", "-c", script)


def test_the_probes_run_on_the_two_workers() -> None:
    assert set(pods().values()) == {"moorage-worker", "moorage-worker2"}


def test_pods_of_two_nodes_reach_each_other() -> None:
    names = sorted(pods())
    for pod, other in (names, names[::-1]):
        address = probe("get", "pod", other, "--output=jsonpath={.status.podIP}")
        assert asked(pod, f"{address}:8080") == other


def test_a_service_has_a_name() -> None:
    (pod, *_) = pods()
    assert asked(pod, "probe.probe.svc.cluster.local:8080") in pods()
    assert asked(pod, "probe:8080") in pods()


def test_the_gateways_port_is_one_of_this_machine() -> None:
    address = f"http://127.0.0.1:{default_port()}/"
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.read().decode() in pods()


def test_what_a_pod_prints_is_in_its_log() -> None:
    (pod, *_) = pods()
    assert probe("logs", pod) == "listening, with six 1.17.0"


def test_a_pod_is_nobody_and_cannot_write() -> None:
    (pod, *_) = pods()
    assert probe("exec", pod, "--", "id", "-u") == "10001"
    written = probe(
        "exec", pod, "--", "sh", "-c", "touch /opt/x 2>/dev/null && echo yes || echo no"
    )
    assert written == "no"


def test_a_volume_outlives_its_pod() -> None:
    for word in ("written", "kept"):
        probe("apply", f"--filename={HERE / 'keeper.yaml'}")
        probe("wait", "pod/keeper", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=90s")
        assert probe("logs", "keeper") == word
        probe("delete", "pod", "keeper")


def test_too_much_memory_ends_a_pod() -> None:
    probe("apply", f"--filename={HERE / 'glutton.yaml'}")
    probe("wait", "pod/glutton", "--for=jsonpath={.status.phase}=Failed", "--timeout=60s")
    reason = "{.status.containerStatuses[0].state.terminated.reason}"
    assert probe("get", "pod", "glutton", f"--output=jsonpath={reason}") == "OOMKilled"


def test_nothing_of_this_machine_is_in_an_image() -> None:
    (pod, *_) = pods()
    script = "test ! -e /etc/pip.conf && ls -A /run/secrets 2>/dev/null | wc -l"
    assert probe("exec", pod, "--", "sh", "-c", script) == "0"


def test_up_again_changes_nothing() -> None:
    uid = ("get", "namespace", "kube-system", "--output=jsonpath={.metadata.uid}")
    first = kube(*uid)
    assert "up already, with 3 nodes" in cluster("up", "--nodes=3")
    assert kube(*uid) == first


def test_the_machine_has_no_new_network_or_mount(before: dict[str, object]) -> None:
    """Not even while the cluster runs: all of that is in the box."""
    assert machine.network() == before["network"]
    assert machine.mounts() == before["mounts"]
