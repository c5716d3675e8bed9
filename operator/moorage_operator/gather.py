"""Looks at a session and its surroundings: from what is known, and anew where that is not enough.

What a decision takes for absent is asked for first, unless a watch said so or nothing could be
there yet: a pod that is merely not known must not lead to a second one.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.errors import RefusedError
from moorage_api.kube.objects import Target
from moorage_api.resources import Phase
from moorage_operator.act import SESSION
from moorage_operator.checks.pods import SILENT_LIMIT
from moorage_operator.line import Line
from moorage_operator.names import object_name
from moorage_operator.observed import RUNNER, Live, Observed, PodSeen
from moorage_operator.reconciler import Look
from moorage_operator.seen import node_ready
from moorage_operator.signs import Signs
from moorage_operator.store import Record, Store

_NODE_AGE: Final = timedelta(seconds=10)
_STARTS: Final = frozenset({Phase.PENDING, Phase.STARTING, Phase.SUSPENDED})


class Gatherer:
    """Gathers from the store, the API server and Redis."""

    def __init__(
        self,
        store: Store,
        api: KubernetesApi,
        signs: Signs,
        line: Line,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._api = api
        self._signs = signs
        self._line = line
        self._clock = clock
        self._nodes = _Nodes(api, clock)

    async def look(self, session_id: str) -> Look | None:
        """Return what is seen of the session; None if it is gone.

        Raises:
            UnavailableError: The API server does not answer what has to be asked.
        """
        record = self._store.get(session_id)
        if record is None or (record.stale and not await self._read_anew(record)):
            return None
        if not record.pod_known:
            await self._find_pod(record)
        if not record.kept_known and _needs_kept(record):
            await self._find_kept(record)
        record.doubted = False
        session, live = record.session, await self._signs.of(record)
        reference, namespace = session.spec.template_ref, record.key[0]
        observed = Observed(
            template=self._store.template(namespace, reference.name) if reference else None,
            invalid=record.invalid,
            pod=await self._pod(record, live),
            secret=record.secret,
            claim=record.claim,
            live=live,
            flooded=record.flooded,
            place=self._line.ask(record),
        )
        return Look(session, observed)

    def doubt(self, session_id: str) -> None:
        """Have the next look read everything anew: what is known proved to be old."""
        record = self._store.get(session_id)
        if record is not None:
            record.stale = record.doubted = True
            record.pod_known = record.kept_known = False

    async def _read_anew(self, record: Record) -> bool:
        """Read the session itself; False if it is gone."""
        body = await self._api.get(Target(SESSION, *record.key))
        if body is None or body["metadata"]["uid"] != record.uid:
            self._store.forget(record.uid)
            return False
        self._store.put(SESSION, body)
        record.stale = False
        return True

    async def _find_pod(self, record: Record) -> None:
        if record.pod is None and _is_untouched(record):
            record.pod_known = True
            return
        body = await self._api.get(_own("Pod", record))
        if body is None:
            self._store.lost_pod(record)
        else:
            self._store.put("Pod", body)
            record.pod_known = True

    async def _find_kept(self, record: Record) -> None:
        """Ask for the Secret, and the claim if there could be one."""
        if not _is_untouched(record):
            record.secret, record.claim = None, False
            for kind in ("Secret", "PersistentVolumeClaim"):
                body = await self._api.get(_own(kind, record))
                if body is not None:
                    self._store.put(kind, body)
        record.kept_known = True

    async def _pod(self, record: Record, live: Live | None) -> PodSeen | None:
        """Return the pod; of one that leaves or is silent, also whether its node answers."""
        pod = record.pod
        if pod is None or not pod.node_name or not (pod.deleting or self._is_silent(live)):
            return pod
        return await self._nodes.seen(pod)

    def _is_silent(self, live: Live | None) -> bool:
        heartbeat = live.heartbeat if live is not None else None
        return heartbeat is not None and heartbeat + SILENT_LIMIT <= self._clock()


class _Nodes:
    """Which nodes answer, remembered for a little while."""

    def __init__(self, api: KubernetesApi, clock: Callable[[], datetime]) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[str, tuple[datetime, bool]] = {}

    async def seen(self, pod: PodSeen) -> PodSeen:
        """Return the pod with whether its node answers; where nobody may ask, it does."""
        name, now = pod.node_name or "", self._clock()
        asked, answers = self._known.get(name, (now - 2 * _NODE_AGE, True))
        if now - asked > _NODE_AGE:
            try:
                body = await self._api.get(Target("Node", "", name))
            except RefusedError:
                body = None
            answers = body is None or node_ready(body)
            self._known = {name: (now, answers)} | {
                each: known for each, known in self._known.items() if now - known[0] <= _NODE_AGE
            }
        return pod if answers else replace(pod, node_ready=False)


def _own(kind: str, record: Record) -> Target:
    return Target(kind, record.key[0], object_name(record.uid))


def _is_untouched(record: Record) -> bool:
    """Whether no pod was ever told of: then what is there was made a moment ago, if anything."""
    status = record.session.status
    return status.started_at is None and status.phase is Phase.PENDING and not record.doubted


def _needs_kept(record: Record) -> bool:
    """Whether a decision could depend on the Secret and the claim."""
    if record.pod is not None:
        return record.pod.container(RUNNER).state == "waiting" and not record.pod.over
    session = record.session
    return session.status.phase in _STARTS and not session.spec.suspend
