"""Fixtures: one control plane for a session of tests; with pytest-xdist, on one of its workers.

A conftest.py imports what its tests need. Tests share the control plane and stay apart by
namespaces; one that stops the API server takes ``running_control_plane`` itself.
"""

import uuid
from collections.abc import Iterator

import pytest

from moorage_testing.controlplane.access import make_namespace
from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.binaries import binary
from moorage_testing.controlplane.options import FULL, Options
from moorage_testing.controlplane.plane import ControlPlane, running_control_plane


@pytest.fixture(scope="session")
def control_plane_options() -> Options:
    """Return what to start; override it in a conftest.py for less than everything."""
    return FULL


@pytest.fixture(scope="session")
def control_plane(
    control_plane_options: Options, pytestconfig: pytest.Config
) -> Iterator[ControlPlane]:
    """Return a running control plane; what is missing is built first, with visible progress."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        for name in control_plane_options.binaries:
            binary(name)
    with running_control_plane(control_plane_options) as plane:
        yield plane


@pytest.fixture(scope="session")
def admin(control_plane: ControlPlane) -> Iterator[Api]:
    """Return a client that may do everything."""
    with control_plane.client() as client:
        yield client


@pytest.fixture
def namespace(admin: Api) -> Iterator[str]:
    """Return the name of a namespace of the test's own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    make_namespace(admin, name)
    yield name
    admin.delete(f"/api/v1/namespaces/{name}")
