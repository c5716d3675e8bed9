"""Tells of what happened as Kubernetes Events on the session, for `kubectl describe`."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.errors import KubernetesError
from moorage_api.kube.objects import Manifest
from moorage_api.names import API_VERSION
from moorage_api.resources import ClaudeSession
from moorage_operator.act import SESSION
from moorage_operator.plan import PlannedEvent

COMPONENT: Final = "moorage-operator"
_LONGEST: Final = 1000
"""The API server takes 1,024 bytes; sentences may hold what a kubelet said, in any script."""

_log = structlog.get_logger(__name__)


class Teller:
    """Writes Events. One that cannot be written is logged: the condition tells of it as well."""

    def __init__(
        self, api: KubernetesApi, clock: Callable[[], datetime], identity: str = ""
    ) -> None:
        self._api = api
        self._clock = clock
        self._identity = identity

    async def tell(self, session: ClaudeSession, events: tuple[PlannedEvent, ...]) -> None:
        """Tell of these on the session."""
        for event in events:
            try:
                await self._api.create(self._body(session, event))
            except KubernetesError as error:
                _log.warning("event not written", reason=event.reason, cause=str(error))

    def _body(self, session: ClaudeSession, event: PlannedEvent) -> Manifest:
        meta = session.metadata
        at = f"{self._clock():%Y-%m-%dT%H:%M:%SZ}"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{meta.name[:40]}.", "namespace": meta.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": SESSION,
                "name": meta.name,
                "namespace": meta.namespace,
                "uid": meta.uid,
                "resourceVersion": meta.resource_version,
            },
            "type": event.kind,
            "reason": event.reason,
            "message": _clipped(event.message),
            "source": {"component": COMPONENT, "host": self._identity},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._identity or COMPONENT,
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }


def _clipped(message: str) -> str:
    return message.encode()[:_LONGEST].decode(errors="ignore")
