"""A record of all pods of sessions as the API server told of them, from outside the operator.

What it is for: at no moment may two pods of one session both be unfinished.
"""

from typing import Final

from moorage_api.names import LABEL_SESSION_UID
from moorage_testing.controlplane.api import Object
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.operating.background import Background
from moorage_testing.operating.watching import Watch, connected

PODS: Final = "/api/v1/pods"


class PodRecord:
    """Which pods each session had, and whether two of them at once."""

    def __init__(self) -> None:
        self.pods: dict[str, list[str]] = {}
        """The UIDs of all pods that a session ever had, in their order, by the session's UID."""
        self.doubles: list[str] = []
        """What was seen that must not be, one sentence each."""
        self._running: dict[str, dict[str, str]] = {}

    def start(self, background: Background, plane: ControlPlane) -> None:
        """Record from now on, until the background ends."""
        background.spawn(self._follow(plane))

    def hear(self, kind: str, pod: Object) -> None:
        """Take note of one change."""
        meta = pod["metadata"]
        session, uid = meta["labels"][LABEL_SESSION_UID], meta["uid"]
        known = self.pods.setdefault(session, [])
        if uid not in known:
            known.append(uid)
        running = self._running.setdefault(session, {})
        if kind == "DELETED" or pod["status"].get("phase") in {"Succeeded", "Failed"}:
            running.pop(uid, None)
        else:
            running[uid] = meta["name"]
        if len(running) > 1:
            self.doubles.append(f"session {session} had the pods {running} at once")

    async def _follow(self, plane: ControlPlane) -> None:
        async with connected(plane.server, plane.administrator) as client:
            await Watch(client, PODS, self.hear, LABEL_SESSION_UID).follow()
