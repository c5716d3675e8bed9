from pathlib import Path

import pytest

from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.helm import Helm


@pytest.fixture(scope="session")
def cluster_helm(helm: Helm, control_plane: ControlPlane) -> Helm:
    """Return helm that reaches the control plane of the tests."""
    return Helm(helm.home, control_plane.kubeconfig())


@pytest.fixture(scope="session")
def folder(helm: Helm) -> Path:
    """Return a folder that helm may write to."""
    return helm.home
