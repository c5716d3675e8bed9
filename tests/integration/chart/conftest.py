from pathlib import Path

import pytest

from moorage_testing.controlplane.binaries import binary
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.helm import Helm


@pytest.fixture(scope="session")
def helm(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Return helm, built first if it is nowhere, with visible progress."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        binary("helm")
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def cluster_helm(helm: Helm, control_plane: ControlPlane) -> Helm:
    """Return helm that reaches the control plane of the tests."""
    return Helm(helm.home, control_plane.kubeconfig())


@pytest.fixture(scope="session")
def folder(helm: Helm) -> Path:
    """Return a folder that helm may write to."""
    return helm.home
