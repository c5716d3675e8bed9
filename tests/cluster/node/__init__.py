"""The image of a node, made where there is no registry with kind's own.

``Dockerfile`` and ``images.Dockerfile`` say how; docs/cluster.md says what differs from kind's.
"""
