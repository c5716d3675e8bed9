"""What all integration tests may share: one control plane for each worker of pytest-xdist.

Here and nowhere else: fixtures that two conftest.py files import are made twice.
"""

from moorage_testing.controlplane.fixtures import (
    admin,
    control_plane,
    control_plane_options,
    namespace,
)

__all__ = ["admin", "control_plane", "control_plane_options", "namespace"]
