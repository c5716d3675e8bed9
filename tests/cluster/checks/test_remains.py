"""The machine is as it was after `down`, also when something was killed on the way.

These remove the cluster; they run after the checks that use it.
"""

import json
import os
import signal

import pytest

from cluster.box.debian import engine_tree
from cluster.box.engine import Box
from cluster.checks import machine
from cluster.checks.commands import cluster, killed, kube
from cluster.engines import running_engine
from cluster.kind import kubectl
from cluster.places import home


@pytest.fixture(autouse=True)
def as_before(before: dict[str, object]) -> object:
    """Whatever a check does: `down` once, and nothing is left."""
    yield
    cluster("down")
    assert machine.everything() == before


def test_down_twice() -> None:
    cluster("down")
    cluster("down")


@pytest.mark.parametrize("at", ["Docker engine", "cluster of 1 nodes", "waiting for nodes"])
def test_up_after_a_killed_up(at: str) -> None:
    killed(at, "up", "--nodes=1")
    cluster("up", "--nodes=1")
    assert kube("get", "nodes", "--output=name") == "node/moorage-control-plane"


@pytest.mark.parametrize("at", ["Docker engine", "cluster of 1 nodes"])
def test_down_after_a_killed_up(at: str) -> None:
    killed(at, "up", "--nodes=1")


def test_the_box_dies() -> None:
    """As with a power cut: its processes end at once, the nodes' among them."""
    cluster("up", "--nodes=1")
    noted = json.loads((Box.here().folder / "box.json").read_text())
    os.kill(noted["pid"], signal.SIGKILL)
    assert kubectl("get", "nodes", "--request-timeout=5s") is None
    assert running_engine() is None
    cluster("up", "--nodes=1")
    assert kube("get", "nodes", "--output=name") == "node/moorage-control-plane"


def test_making_a_debian_tree_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own, so that there is none: what it had made goes with the next one."""
    monkeypatch.setenv("MOORAGE_CLUSTER_HOME", str(home() / "checks"))
    killed("Debian bookworm engine", "up")
    stale = list((home() / "debian").glob("making-*"))
    assert len(stale) == 1
    engine_tree()
    assert not stale[0].exists()
