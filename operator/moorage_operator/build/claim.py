"""The PersistentVolumeClaim of a workspace that outlives its pods."""

from moorage_api.kube.objects import Manifest
from moorage_operator.build.metadata import Subject


def build_claim(subject: Subject) -> Manifest:
    """Return the session's claim. One node at a time may mount it, as one pod at a time runs."""
    workspace = subject.spec.workspace
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": workspace.size}},
    }
    if workspace.storage_class_name:
        spec["storageClassName"] = workspace.storage_class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": subject.metadata(),
        "spec": spec,
    }
