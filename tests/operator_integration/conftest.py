"""What these tests share: a control plane with everything, and a namespace each."""

from moorage_testing.controlplane.fixtures import (
    admin,
    control_plane,
    control_plane_options,
    namespace,
)

__all__ = ["admin", "control_plane", "control_plane_options", "namespace"]
