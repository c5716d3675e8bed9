"""What all objects of a session have in common: name, labels, owner."""

from dataclasses import dataclass
from typing import Final

from moorage_api.kube.objects import Manifest
from moorage_api.names import (
    API_VERSION,
    GROUP,
    LABEL_COMPONENT,
    LABEL_MANAGED_BY,
    LABEL_NAME,
    LABEL_OWNER,
    LABEL_PART_OF,
    LABEL_SESSION,
    LABEL_SESSION_UID,
    LABEL_TEAM,
    LABEL_TEMPLATE,
)
from moorage_api.resources import ClaudeSession, SessionSpec
from moorage_operator.names import label_value, object_name

LABEL_EGRESS: Final = f"{GROUP}/egress"
"""What network policies select by."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The session that an object is built for, with its resolved spec."""

    session: ClaudeSession
    spec: SessionSpec

    @property
    def uid(self) -> str:
        """The session's id everywhere."""
        return self.session.metadata.uid or ""

    @property
    def name(self) -> str:
        """The name of each of its objects."""
        return object_name(self.uid)

    def metadata(self, annotations: dict[str, str] | None = None) -> Manifest:
        """Return the metadata of one of its objects."""
        meta: Manifest = {
            "name": self.name,
            "namespace": self.session.metadata.namespace,
            "labels": self._labels(),
            "ownerReferences": [self._owner()],
        }
        return meta | ({"annotations": annotations} if annotations else {})

    def _owner(self) -> Manifest:
        meta = self.session.metadata
        return {
            "apiVersion": API_VERSION,
            "kind": "ClaudeSession",
            "name": meta.name,
            "uid": meta.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    def _labels(self) -> dict[str, str]:
        meta, template = self.session.metadata, self.session.spec.template_ref
        labels = {
            LABEL_NAME: "moorage",
            LABEL_COMPONENT: "session",
            LABEL_PART_OF: "moorage",
            LABEL_MANAGED_BY: "moorage-operator",
            LABEL_SESSION: label_value(meta.name),
            LABEL_SESSION_UID: self.uid,
            LABEL_EGRESS: self.spec.egress.mode,
        }
        if self.spec.owner:
            labels[LABEL_OWNER] = label_value(self.spec.owner)
        if team := meta.labels.get(LABEL_TEAM):
            labels[LABEL_TEAM] = team
        if template is not None:
            labels[LABEL_TEMPLATE] = label_value(template.name)
        return labels
