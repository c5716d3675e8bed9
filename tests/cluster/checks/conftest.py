"""One cluster for all checks, and the machine as it was before it."""

from collections.abc import Iterator

import pytest

from cluster.checks import machine
from cluster.checks.commands import HERE, cluster, kube, probe

IMAGE = "moorage-probe:checks"


@pytest.fixture(scope="session")
def before() -> dict[str, object]:
    """What the machine was like without a cluster: one that runs is removed first."""
    cluster("down")
    return machine.everything()


@pytest.fixture(scope="session")
def three_nodes(before: dict[str, object]) -> Iterator[None]:
    """A control plane and two workers, with two probes that answer."""
    cluster("up", "--nodes=3")
    try:
        cluster("build", IMAGE, HERE / "probe" / "Dockerfile", HERE / "probe")
        cluster("load", IMAGE)
        kube("apply", f"--filename={HERE / 'probe.yaml'}")
        probe("rollout", "status", "deployment/probe", "--timeout=120s")
        yield
    finally:
        cluster("down")
