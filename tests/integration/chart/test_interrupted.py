"""`make up` after one that was interrupted: Helm takes what is half done for another's work."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import CommandFailed
from cluster.places import HOME, kubeconfig
from deployment import release
from moorage_testing.children import with_the_test
from moorage_testing.controlplane.binaries import binary
from moorage_testing.controlplane.options import Options
from moorage_testing.controlplane.plane import ControlPlane, running_control_plane
from moorage_testing.controlplane.processes import until
from moorage_testing.helm import CHART, Helm, HelmRefused

INSTALL = ("upgrade", "--install", release.NAME, str(CHART))
KEPT = ("gateway", "postgres", "redis")


@pytest.fixture(scope="module")
def plane(helm: Helm) -> Iterator[ControlPlane]:
    """A control plane that runs nothing: what waits for pods waits for ever."""
    with running_control_plane(Options(crds=None)) as running:
        with running.client() as admin:
            admin.create("/api/v1/namespaces", release.namespace())
        yield running


class Machine:
    """A machine with a cluster that `make up` works on."""

    def __init__(self, plane: ControlPlane, helm: Helm) -> None:
        self._plane = plane
        self._helm = Helm(helm.home, plane.kubeconfig())

    def history(self) -> list[str]:
        """Return the status of each revision."""
        words = ("history", release.NAME, f"--namespace={release.NAMESPACE}", "--output=json")
        try:
            return [each["status"] for each in json.loads(self._helm.run(*words))]
        except HelmRefused:
            return []

    def install(self) -> None:
        """Install or upgrade as `make up` does, but for the waiting: nothing here gets ready."""
        release.helm(*INSTALL, wait=False)

    def interrupt(self, status: str, *words: str) -> None:
        """Kill helm while it waits for what it made, Deployments among the last."""
        where = [f"--kubeconfig={self._plane.kubeconfig()}", f"--namespace={release.NAMESPACE}"]
        command = with_the_test(binary("helm"), *words, *where, "--wait", "--timeout=300s")
        with subprocess.Popen(command) as process:
            until(f"it is {status}", 60, lambda: self._is_not(status))
            until("there are Deployments", 60, self._has_none)
            process.kill()

    def _is_not(self, status: str) -> str | None:
        history = self.history()
        return None if history[-1:] == [status] else str(history)

    def _has_none(self) -> str | None:
        found = self._plane.kubectl("get", "deployments", "-n", release.NAMESPACE, "-o", "name")
        return None if found else "there are none"

    def passwords(self) -> list[Any]:
        """Return what was made up by chance at the first install."""
        where = ("-n", release.NAMESPACE, "-o", "json")
        found = [self._plane.kubectl("get", "secret", f"moorage-{each}", *where) for each in KEPT]
        return [json.loads(each)["data"] for each in found]

    def uninstall(self) -> None:
        self._helm.run("uninstall", release.NAME, "-n", release.NAMESPACE)


@pytest.fixture
def machine(
    plane: ControlPlane, helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machine]:
    monkeypatch.setenv(HOME, str(tmp_path))
    kubeconfig().write_text(plane.kubeconfig().read_text())
    made = Machine(plane, helm)
    yield made
    made.uninstall()


def test_an_install_that_was_interrupted_is_done_anew(machine: Machine) -> None:
    machine.interrupt("pending-install", *INSTALL)
    before = machine.passwords()
    with pytest.raises(CommandFailed, match="another operation"):
        machine.install()
    release.undo_half_done()
    machine.install()
    assert machine.history() == ["deployed"]
    assert machine.passwords() == before


@pytest.mark.parametrize(
    ("status", "words"),
    [("pending-upgrade", INSTALL), ("pending-rollback", ("rollback", release.NAME, "1"))],
)
def test_what_was_interrupted_later_goes_back_to_what_was_deployed(
    machine: Machine, status: str, words: tuple[str, ...]
) -> None:
    release.undo_half_done()  # there is nothing yet
    machine.install()
    before = machine.passwords()
    machine.interrupt(status, *words)
    with pytest.raises(CommandFailed, match="another operation"):
        machine.install()
    release.undo_half_done()
    assert machine.history()[-1] == "deployed"
    machine.install()
    assert machine.history()[-1] == "deployed"
    assert machine.passwords() == before
    number = len(machine.history())
    release.undo_half_done()  # nothing is half done
    assert len(machine.history()) == number
