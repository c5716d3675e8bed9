"""Sessions as a user sees them: created, changed, deleted, and waited for."""

import json
from collections.abc import Callable
from typing import Any, Final

from moorage_api.names import API_VERSION
from moorage_api.resources import ClaudeSession, Condition, Phase
from moorage_testing.controlplane.api import Api, Object
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.controlplane.processes import until

REPOSITORY: Final = {"url": "https://git.example.com/team/app.git"}
_PATIENCE: Final = 40.0
_NOT_FOUND: Final = 404


class Sessions:
    """The sessions of one namespace, and what the operator made for them."""

    def __init__(self, admin: Api, namespace: str) -> None:
        self.admin = admin
        self.namespace = namespace
        self._base = f"/apis/{API_VERSION}/namespaces/{namespace}"

    def create(self, name: str = "example", **spec: Any) -> str:
        """Create a session and return its UID; it has a repository unless it names a template."""
        if "templateRef" not in spec:
            spec = {"repository": REPOSITORY, **spec}
        body = {
            "apiVersion": API_VERSION,
            "kind": "ClaudeSession",
            "metadata": {"name": name},
            "spec": json.loads(json.dumps(spec)),
        }
        uid: str = self.admin.create(f"{self._base}/claudesessions", body)["metadata"]["uid"]
        return uid

    def create_template(self, name: str, **spec: Any) -> None:
        """Create a template."""
        body = {
            "apiVersion": API_VERSION,
            "kind": "ClaudeSessionTemplate",
            "metadata": {"name": name},
            "spec": spec,
        }
        self.admin.create(f"{self._base}/claudesessiontemplates", body)

    def change_template(self, name: str, **spec: Any) -> None:
        """Change parts of a template's spec."""
        self.admin.merge(f"{self._base}/claudesessiontemplates/{name}", {"spec": spec})

    def get(self, name: str = "example") -> ClaudeSession:
        """Return a session."""
        return ClaudeSession.model_validate(self.admin.get(self._path(name)))

    def change(self, name: str = "example", **spec: Any) -> ClaudeSession:
        """Change parts of a session's spec."""
        return ClaudeSession.model_validate(self.admin.merge(self._path(name), {"spec": spec}))

    def delete(self, name: str = "example") -> None:
        """Delete a session."""
        self.admin.delete(self._path(name))

    def delete_all(self) -> None:
        """Delete all sessions and templates; return when the sessions' pods are gone too."""
        for plural in ("claudesessions", "claudesessiontemplates"):
            self.admin.delete(f"{self._base}/{plural}")
        pods = f"/api/v1/namespaces/{self.namespace}/pods"

        def pending() -> str | None:
            left = [each["metadata"]["name"] for each in self.admin.get(pods)["items"]]
            return str(left) if left else None

        until("all pods gone", _PATIENCE, pending)

    def await_that(
        self,
        holds: Callable[[ClaudeSession], bool],
        name: str = "example",
        *,
        what: str = "as expected",
        seconds: float = _PATIENCE,
    ) -> ClaudeSession:
        """Return the session as soon as something holds of it."""
        last: list[ClaudeSession] = []

        def pending() -> str | None:
            last[:] = [self.get(name)]
            return None if holds(last[0]) else last[0].status.model_dump_json(exclude_none=True)

        until(f"session {name} {what}", seconds, pending)
        return last[0]

    def await_body(self, name: str, holds: Callable[[Object], bool]) -> Object:
        """Return a session as JSON as soon as something holds of it: it may be no valid one."""
        last: list[Object] = []

        def pending() -> str | None:
            last[:] = [self.admin.get(self._path(name))]
            told = last[0].get("status", {})
            return None if told and holds(last[0]) else str(told)

        until(f"session {name}", _PATIENCE, pending)
        return last[0]

    def await_phase(
        self, phase: Phase, name: str = "example", *, reason: str = "", seconds: float = _PATIENCE
    ) -> ClaudeSession:
        """Return the session as soon as it is in a phase, and Ready's reason is the one given."""

        def holds(session: ClaudeSession) -> bool:
            right = not reason or ready(session).reason == reason
            return session.status.phase is phase and right

        return self.await_that(holds, name, what=f"{phase.value} {reason}", seconds=seconds)

    def names(self) -> dict[str, str]:
        """Return the phase of each session, by its name; empty where nothing is told yet."""
        items = self.admin.get(f"{self._base}/claudesessions")["items"]
        return {each["metadata"]["name"]: each.get("status", {}).get("phase", "") for each in items}

    def await_some(self, phase: Phase, count: int, seconds: float = _PATIENCE) -> list[str]:
        """Return the names of the sessions in a phase, once there are so many."""
        found: list[str] = []

        def pending() -> str | None:
            phases = self.names()
            found[:] = [name for name, each in phases.items() if each == phase.value]
            return None if len(found) >= count else str(phases)

        until(f"{count} sessions {phase.value}", seconds, pending)
        return found

    def list_pods(self) -> list[Object]:
        """Return all pods of the namespace."""
        pods: list[Object] = self.admin.get(f"/api/v1/namespaces/{self.namespace}/pods")["items"]
        return pods

    def pod(self, session: ClaudeSession) -> Object | None:
        """Return the session's pod, if there is one."""
        return self._found(self.own("pods", session))

    def secret(self, session: ClaudeSession) -> Object | None:
        """Return the session's Secret, if there is one."""
        return self._found(self.own("secrets", session))

    def claim(self, session: ClaudeSession) -> Object | None:
        """Return the session's PersistentVolumeClaim, if there is one."""
        return self._found(self.own("persistentvolumeclaims", session))

    def await_absent(self, name: str = "example") -> None:
        """Wait until there is no session of this name."""
        self.await_gone(self._path(name))

    def await_gone(self, path: str, seconds: float = _PATIENCE) -> None:
        """Wait until there is nothing at a path."""
        until(f"{path} gone", seconds, lambda: "it is there" if self._found(path) else None)

    def delete_pod(self, session: ClaudeSession) -> None:
        """Delete the session's pod, as somebody by hand."""
        self.admin.delete(self.own("pods", session))

    def annotate_pod(self, session: ClaudeSession, **annotations: str | None) -> None:
        """Set the annotations of testing.moorage.dev on the session's pod."""
        full = {f"testing.moorage.dev/{key}": value for key, value in annotations.items()}
        self.admin.merge(self.own("pods", session), {"metadata": {"annotations": full}})

    def own(self, plural: str, session: ClaudeSession | str) -> str:
        """Return the path of one of the objects that a session owns."""
        uid = session if isinstance(session, str) else session.metadata.uid
        return f"/api/v1/namespaces/{self.namespace}/{plural}/session-{uid}"

    def events(self, name: str = "example") -> list[tuple[str, str, str]]:
        """Return type, reason and note of the Events on a session, in their order."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        uid = self.get(name).metadata.uid
        events = self.admin.get(path)["items"]
        found = [each for each in events if each["regarding"].get("uid") == uid]
        found.sort(key=lambda each: int(each["metadata"]["resourceVersion"]))
        return [(each["type"], each["reason"], each["note"]) for each in found]

    def await_event(self, kind: str, reason: str, name: str = "example") -> str:
        """Return the note of an Event, once it is told: after the status, which is what counts."""

        def pending() -> str | None:
            told = [each[:2] for each in self.events(name)]
            return None if (kind, reason) in told else str(told)

        until(f"the event {reason}", _PATIENCE, pending)
        return next(each[2] for each in self.events(name) if each[:2] == (kind, reason))

    def _path(self, name: str) -> str:
        return f"{self._base}/claudesessions/{name}"

    def _found(self, path: str) -> Object | None:
        try:
            return self.admin.get(path)
        except ApiRefused as error:
            if error.code != _NOT_FOUND:
                raise
            return None


def ready(session: ClaudeSession) -> Condition:
    """Return the condition Ready; one that is Unknown, while there is none."""
    return condition(session, "Ready")


def condition(session: ClaudeSession, kind: str) -> Condition:
    """Return a condition; one that is Unknown, while there is none."""
    found = next((each for each in session.status.conditions if each.type == kind), None)
    return found or Condition.model_validate(
        {
            "type": kind,
            "status": "Unknown",
            "reason": "Absent",
            "lastTransitionTime": session.metadata.creation_timestamp,
        }
    )
