"""What is known of the cluster: one record for each session, fed by watches, lists and own writes.

Whoever feeds it may be late: what is older than what is known is not taken over. Bodies are read
into small frozen values at once, since ten thousand pods as JSON would fill the memory. What is new
of a session is told by its UID, so that somebody can look at it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from moorage_api.resources import ClaudeSession, ClaudeSessionTemplate, TemplateSpec
from moorage_operator.names import object_name
from moorage_operator.observed import PodSeen, SecretSeen
from moorage_operator.plan import mistakes
from moorage_operator.seen import Body, pod_seen, secret_seen

Key = tuple[str, str]
"""A namespace and a name."""


@dataclass(slots=True)
class Record:
    """A session with what is known of its surroundings."""

    session: ClaudeSession
    invalid: str = ""
    """Why the spec is none; empty: it is one."""
    pod: PodSeen | None = None
    pod_version: int = 0
    pod_known: bool = False
    """Whether it is certain that the pod is as told, if only that there is none."""
    secret: SecretSeen | None = None
    claim: bool = False
    kept_known: bool = False
    """Whether it is certain of the Secret and the claim that they are as told."""
    stale: bool = False
    """Whether a write was refused because the session is not as told: it has to be read."""
    doubted: bool = False
    """Whether a write failed whose outcome is not known: what it was about may be there."""
    heartbeat: datetime | None = None
    """The last sign of life, also when Redis lost it since."""
    heard: bytes | None = None
    """The state as it stood in Redis at the last pass."""
    flooded: bool = False
    """Whether it was cut off from Redis for what it wrote there."""
    seen_at: float | None = None
    """When a watch told that it was created, on this process' clock; None: it was there before."""

    @property
    def uid(self) -> str:
        """The session's id everywhere."""
        return self.session.metadata.uid or ""

    @property
    def key(self) -> Key:
        """Where the session is."""
        return self.session.metadata.namespace or "", self.session.metadata.name

    @property
    def version(self) -> int:
        """The version of the session that is known."""
        return version_of(self.session.metadata.resource_version)


class Store:
    """All records and templates."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._early: dict[str, tuple[PodSeen, int]] = {}
        """Pods that a watch told of before their session."""
        self._templates: dict[Key, tuple[TemplateSpec | None, int]] = {}
        self._users: dict[Key, set[str]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(tuple(self._records.values()))

    def get(self, uid: str) -> Record | None:
        """Return the record of a session."""
        return self._records.get(uid)

    def template(self, namespace: str, name: str) -> TemplateSpec | None:
        """Return a template's spec; None if there is none, or none that is valid."""
        return self._templates.get((namespace, name), (None, 0))[0]

    def put(self, kind: str, body: Body) -> tuple[str, ...]:
        """Take over an object; return the sessions that something is new of."""
        match kind:
            case "ClaudeSession":
                return self._put_session(body)
            case "Pod":
                return self._put_pod(body)
            case "ClaudeSessionTemplate":
                return self._put_template(body)
            case "Secret" | "PersistentVolumeClaim":
                self._put_kept(kind, body)
        return ()

    def remove(self, kind: str, body: Body) -> tuple[str, ...]:
        """Take over that an object is gone, if it is the one known; return whom that concerns."""
        meta = body.get("metadata") or {}
        key = meta.get("namespace") or "", meta.get("name") or ""
        match kind:
            case "ClaudeSession":
                return self.forget(meta.get("uid") or "")
            case "Pod":
                return self._remove_pod(owner_of(body), meta)
            case "ClaudeSessionTemplate" if self._templates.pop(key, None):
                return tuple(self._users.get(key, ()))
        return ()

    def forget(self, uid: str) -> tuple[str, ...]:
        """Forget a session that is gone."""
        record = self._records.pop(uid, None)
        if record is None:
            return ()
        self._forget_use(record)
        return (uid,)

    def lost_pod(self, record: Record) -> tuple[str, ...]:
        """Take over that a session has no pod."""
        had, record.pod, record.pod_known = record.pod, None, True
        return () if had is None else (record.uid,)

    def keep_only(self, kind: str, uids: Iterable[str], version: int) -> tuple[str, ...]:
        """Forget what a whole list of this version lacks, unless it is known to be newer."""
        listed, gone = set(uids), list[str]()
        for record in self:
            pod = record.pod
            if kind == "ClaudeSession" and record.uid not in listed and record.version <= version:
                gone += self.forget(record.uid)
            elif kind != "Pod":
                continue
            elif pod is None:
                record.pod_known = record.pod_known or record.version <= version
            elif pod.uid not in listed and record.pod_version <= version:
                gone += self.lost_pod(record)
        return tuple(gone)

    def _put_session(self, body: Body) -> tuple[str, ...]:
        meta = body.get("metadata") or {}
        uid, version = meta.get("uid") or "", version_of(meta.get("resourceVersion"))
        record = self._records.get(uid)
        if record is not None and record.version >= version:
            return ()
        session, invalid = read_session(body)
        if record is None:
            record = self._records[uid] = Record(session, invalid)
            record.pod, record.pod_version = self._early.pop(uid, (None, 0))
            record.pod_known = record.pod is not None
        else:
            self._forget_use(record)
            record.session, record.invalid = session, invalid
        reference = session.spec.template_ref
        if reference is not None:
            self._users.setdefault((record.key[0], reference.name), set()).add(uid)
        return (uid,)

    def _forget_use(self, record: Record) -> None:
        reference = record.session.spec.template_ref
        if reference is None:
            return
        key = record.key[0], reference.name
        users = self._users.get(key, set())
        users.discard(record.uid)
        if not users:
            self._users.pop(key, None)

    def _put_pod(self, body: Body) -> tuple[str, ...]:
        uid = owner_of(body)
        version = version_of((body.get("metadata") or {}).get("resourceVersion"))
        record = self._records.get(uid)
        if record is None:
            if uid and version > self._early.get(uid, (None, 0))[1]:
                self._early[uid] = pod_seen(body), version
            return ()
        if version <= record.pod_version:
            return ()
        record.pod, record.pod_version, record.pod_known = pod_seen(body), version, True
        return (uid,)

    def _remove_pod(self, owner: str, meta: Body) -> tuple[str, ...]:
        """Take over the end of a pod; what its deletion is answered with later is older."""
        self._early.pop(owner, None)
        record = self._records.get(owner)
        if record is None or record.pod is None or record.pod.uid != meta.get("uid"):
            return ()
        record.pod_version = max(record.pod_version, version_of(meta.get("resourceVersion")))
        return self.lost_pod(record)

    def _put_template(self, body: Body) -> tuple[str, ...]:
        meta = body.get("metadata") or {}
        key = meta.get("namespace") or "", meta.get("name") or ""
        version = version_of(meta.get("resourceVersion"))
        if version <= self._templates.get(key, (None, -1))[1]:
            return ()
        try:
            spec = ClaudeSessionTemplate.model_validate(body).spec
        except ValidationError:
            spec = None
        self._templates[key] = spec, version
        return tuple(self._users.get(key, ()))

    def _put_kept(self, kind: str, body: Body) -> None:
        record = self._records.get(owner_of(body))
        if record is not None and kind == "Secret":
            record.secret = secret_seen(body)
        elif record is not None:
            record.claim = True


def read_session(body: Body) -> tuple[ClaudeSession, str]:
    """Return a session; where its spec is none, one without it and what is wrong with it.

    Raises:
        ValidationError: if it is none at all, which no API server that has the CRD would serve.
    """
    try:
        return ClaudeSession.model_validate(body), ""
    except ValidationError as error:
        readable: dict[str, Any] = {**body, "spec": {"repository": {"url": "https://unreadable/"}}}
        return ClaudeSession.model_validate(readable), mistakes(error)


def owner_of(body: Body) -> str:
    """Return the UID of the session that an object belongs to by owner and name; else empty."""
    meta = body.get("metadata") or {}
    for each in meta.get("ownerReferences") or ():
        uid = each.get("uid") or ""
        if each.get("kind") == "ClaudeSession" and each.get("controller"):
            return uid if meta.get("name") == object_name(uid) else ""
    return ""


def version_of(version: object) -> int:
    """Return a resourceVersion as the number that it is: a later one is greater."""
    try:
        return int(str(version))
    except ValueError:
        return 0
