"""A small model of the cluster around one session, for properties of `plan`.

It holds what the API server and Redis hold, refuses what they would refuse (a second object of one
name, a status on a stale version, a delete of another pod) and does what kubelet, runner, people
and failures do. A step may be planned from an old view, and a plan may be cut off after any write.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from moorage_api.resources import Activity, ClaudeSession, Phase
from moorage_operator.actions import (
    Action,
    CreateClaim,
    CreatePod,
    CreateSecret,
    DeletePod,
    DeleteSession,
    GrantAccess,
    MarkPod,
    RevokeAccess,
    SetSuspend,
    UpdateSecret,
)
from moorage_operator.digest import spec_digest
from moorage_operator.observed import (
    AGENT,
    RUNNER,
    ContainerSeen,
    Live,
    Observed,
    PodSeen,
    SecretSeen,
)
from moorage_operator.plan import Plan, Step, WriteStatus, plan

from .builders import NOW, session, state


class RefusedError(Exception):
    """The API server refused a write: there is such an object, or the version is old."""


@dataclass(frozen=True)
class View:
    """What a reconcile saw: the session with its version, and its surroundings."""

    session: ClaudeSession
    version: int
    seen: Observed


@dataclass
class Cluster:
    """One session and everything around it."""

    session: ClaudeSession = field(default_factory=session)
    now: datetime = NOW
    version: int = 1
    seen: Observed = field(default_factory=lambda: Observed(live=Live(NOW - timedelta(hours=1))))
    created: int = 0
    running: set[str] = field(default_factory=set)
    """UIDs of pods in which something may still run, on a node that is lost too."""
    deleted: bool = False
    redis_away: bool = False
    lost: Live | None = None

    def view(self) -> View:
        seen = replace(self.seen, live=None) if self.redis_away else self.seen
        return View(self.session, self.version, seen)

    def reconcile(self, view: View | None = None, writes: int | None = None) -> Plan:
        """Plan from a view (the present one) and carry out that many of the writes (all)."""
        view = view or self.view()
        decided = plan(view.session, view.seen, self.now)
        for step in decided.steps[:writes]:
            try:
                self.apply(step, view)
            except RefusedError:
                break
        return decided

    def apply(self, step: Step, view: View) -> None:
        """Do one write as the API server or Redis would."""
        if self.deleted:
            raise RefusedError
        match step:
            case WriteStatus():
                if view.version != self.version:
                    raise RefusedError
                self._change(self.session.model_copy(update={"status": step.status}))
            case CreatePod():
                self._create_pod()
            case DeletePod():
                self.delete_pod(step.uid)
            case _:
                self._apply_rest(step)

    def _apply_rest(self, step: Action) -> None:
        pod, live = self.seen.pod, self.seen.live
        match step:
            case CreateClaim():
                self.seen = replace(self.seen, claim=True)
            case CreateSecret() | UpdateSecret():
                digest = spec_digest(self.session.spec)
                self.seen = replace(self.seen, secret=SecretSeen(digest))
            case GrantAccess() | RevokeAccess():
                if self.redis_away:
                    raise RefusedError
                if live is not None:
                    granted = replace(live, access=isinstance(step, GrantAccess))
                    self.seen = replace(self.seen, live=granted)
            case MarkPod():
                if pod is not None and pod.uid == step.uid:
                    self.seen = replace(
                        self.seen, pod=replace(pod, safe_to_evict=step.safe_to_evict)
                    )
            case SetSuspend():
                self.set_suspend(suspend=step.suspend)
            case DeleteSession():
                self.deleted = True

    def _create_pod(self) -> None:
        if self.seen.pod is not None:
            raise RefusedError
        self.created += 1
        uid = f"pod-{self.created}"
        containers = (ContainerSeen(RUNNER), ContainerSeen(AGENT))
        self.seen = replace(self.seen, pod=PodSeen(uid, containers=containers))
        self.running.add(uid)

    def delete_pod(self, uid: str | None = None) -> None:
        """Ask for the pod's deletion; a pod without a node goes at once."""
        pod = self.seen.pod
        if pod is None or (uid is not None and pod.uid != uid):
            return
        if pod.node_name is None or pod.over:
            self._remove()
        else:
            self.seen = replace(self.seen, pod=replace(pod, deleting=True))

    def _remove(self) -> None:
        pod = self.seen.pod
        if pod is not None:
            self.running.discard(pod.uid)
        self.seen = replace(self.seen, pod=None)

    def set_suspend(self, *, suspend: bool) -> None:
        if self.session.spec.suspend != suspend:
            spec = self.session.spec.model_copy(update={"suspend": suspend})
            generation = (self.session.metadata.generation or 0) + 1
            meta = self.session.metadata.model_copy(update={"generation": generation})
            self._change(self.session.model_copy(update={"spec": spec, "metadata": meta}))

    def _change(self, changed: ClaudeSession) -> None:
        self.session = changed
        self.version += 1

    # What the kubelet and the runner do

    def kubelet(self) -> None:
        """Bring the pod one step on: a node, running containers, or its removal."""
        pod = self.seen.pod
        if pod is None or not pod.node_ready:
            return
        if pod.deleting:
            self._remove()
        elif pod.node_name is None:
            self._set_pod(replace(pod, node_name="node-1"))
        elif not pod.over and pod.container(RUNNER).state == "waiting":
            containers = tuple(
                ContainerSeen(name, "running", started_at=self.now) for name in (RUNNER, AGENT)
            )
            self._set_pod(replace(pod, phase="Running", containers=containers))

    def runner(self, *, ready: bool = True, activity: Activity = Activity.IDLE) -> None:
        """Have the runner write its state, if it runs and may."""
        pod, live = self.seen.pod, self.seen.live
        if pod is None or live is None or self.redis_away or not live.access:
            return
        if pod.container(RUNNER).state != "running" or not pod.node_ready:
            return
        says = state(
            phase=Phase.READY if ready else Phase.STARTING,
            activity=activity if ready else None,
            last_activity_at=self.now,
        )
        self.seen = replace(self.seen, live=replace(live, state=says, heartbeat=self.now))

    def _set_pod(self, pod: PodSeen) -> None:
        self.seen = replace(self.seen, pod=pod)

    # What goes wrong

    def end(self, code: int, message: str = "", reason: str = "Error") -> None:
        """End the runner, and the agent with it."""
        pod = self.seen.pod
        if pod is None or pod.over or pod.container(RUNNER).state != "running":
            return
        container = ContainerSeen(RUNNER, "terminated", reason, message, code, self.now)
        agent = ContainerSeen(AGENT, "terminated", "Completed", "", 0, self.now)
        self.running.discard(pod.uid)
        self._set_pod(
            replace(pod, phase="Failed" if code else "Succeeded", containers=(container, agent))
        )

    def end_runner(self, code: int) -> None:
        """End the runner; the agent hangs, until somebody deletes the pod."""
        pod = self.seen.pod
        if pod is None or pod.over or pod.container(RUNNER).state != "running":
            return
        runner = ContainerSeen(RUNNER, "terminated", "Error", "", code, self.now)
        self._set_pod(replace(pod, containers=(runner, pod.container(AGENT))))

    def no_image(self) -> None:
        pod = self.seen.pod
        if pod is not None and pod.container(RUNNER).state == "waiting":
            stuck = ContainerSeen(AGENT, "waiting", "ImagePullBackOff")
            self._set_pod(replace(pod, containers=(ContainerSeen(RUNNER), stuck)))

    def lose_node(self) -> None:
        """The node stops answering; the control plane marks the pod for deletion."""
        pod = self.seen.pod
        if pod is not None and pod.node_name is not None:
            self._set_pod(replace(pod, node_ready=False, deleting=True))

    def remove_node(self) -> None:
        """Somebody deletes the lost node: its pods are removed."""
        if self.seen.pod is not None and not self.seen.pod.node_ready:
            self._remove()

    def flush_redis(self) -> None:
        if self.seen.live is not None:
            self.seen = replace(self.seen, live=Live(self.now))

    def set_redis(self, *, away: bool) -> None:
        live = self.seen.live
        if self.redis_away and not away and live is not None:
            self.seen = replace(self.seen, live=replace(live, reachable_since=self.now))
        self.redis_away = away

    def wait(self, time: timedelta) -> None:
        self.now += time
