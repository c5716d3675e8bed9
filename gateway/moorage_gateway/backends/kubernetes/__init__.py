"""Sessions as ClaudeSessions in a cluster, where the operator runs them. Pods are never touched.

- cache: what is known of the sessions
- follower: keeps that true, by one list and one watch
- backend: the interface to sessions
"""

from moorage_gateway.backends.kubernetes.backend import KubernetesBackend, open_kubernetes

__all__ = ["KubernetesBackend", "open_kubernetes"]
