"""Objects as the API server serves them."""

from typing import Any

from moorage_operator.names import object_name

from .builders import POD_UID, UID

Body = dict[str, Any]


def session_body(version: int = 10, uid: str = UID, **spec: Any) -> Body:
    return {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "ClaudeSession",
        "metadata": {
            "name": f"s-{uid[:4]}",
            "namespace": "team-a",
            "uid": uid,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-31T11:00:00Z",
            "generation": 1,
        },
        "spec": {"repository": {"url": "https://example.com/r.git"}} | spec,
    }


def owned(kind: str, uid: str = UID, version: int = 11, own_uid: str = POD_UID) -> Body:
    owner = {"kind": "ClaudeSession", "uid": uid, "controller": True, "name": "x"}
    return {
        "kind": kind,
        "metadata": {
            "name": object_name(uid),
            "namespace": "team-a",
            "uid": own_uid,
            "resourceVersion": str(version),
            "ownerReferences": [owner],
        },
    }


def template_body(version: int = 5, name: str = "base", **spec: Any) -> Body:
    return {
        "kind": "ClaudeSessionTemplate",
        "metadata": {
            "name": name,
            "namespace": "team-a",
            "uid": f"template-{name}",
            "resourceVersion": str(version),
        },
        "spec": spec,
    }
