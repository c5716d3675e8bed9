"""A real Kubernetes API for integration tests: its binaries, its processes, its users.

    python -m moorage_testing.controlplane build     builds what is missing, once
    python -m moorage_testing.controlplane run       starts one and prints its kubeconfig

Tests take the fixtures in ``fixtures``; what they start is described by ``plane.Options``.
"""
