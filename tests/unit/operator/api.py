"""The Kubernetes API and Redis' users in memory, as far as the operator writes to them."""

import copy
from typing import Any

from pydantic import SecretStr

from moorage_api.kube.errors import KubernetesError, ObjectGoneError, ViewOutdatedError
from moorage_api.kube.objects import Target
from moorage_operator.build import Login, Subject

Object = dict[str, Any]
Key = tuple[str, str, str]


class MemoryApi:
    """Objects by kind, namespace and name; versions and UIDs are checked as a server would."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.writes: list[str] = []
        self.fail: dict[str, KubernetesError] = {}
        """Errors to answer with, by the write as it stands in `writes`; each once."""
        self._count = 0

    def put(self, body: Object) -> None:
        """Have an object there from the start."""
        meta = body["metadata"]
        self.objects[body["kind"], meta["namespace"], meta["name"]] = self._stamped(body)

    def get(self, kind: str) -> Object | None:
        return next((body for key, body in self.objects.items() if key[0] == kind), None)

    async def create(self, manifest: Object) -> None:
        meta = manifest["metadata"]
        self._note(f"create {manifest['kind']}")
        if (manifest["kind"], meta["namespace"], meta["name"]) in self.objects:
            raise ViewOutdatedError
        self.put(manifest)

    async def patch(self, target: Target, patch: Object, *, subresource: str = "") -> None:
        self._note(f"patch {target.kind} {subresource}".strip())
        body = self._find(target)
        for field in ("uid", "resourceVersion"):
            wanted = patch.get("metadata", {}).get(field)
            if wanted is not None and wanted != body["metadata"][field]:
                raise ViewOutdatedError
        merged = self._stamped(_merge(body, patch))
        self.objects[target.kind, target.namespace, target.name] = merged

    async def delete(self, target: Target) -> None:
        self._note(f"delete {target.kind}")
        if target.uid not in {None, self._find(target)["metadata"]["uid"]}:
            raise ViewOutdatedError
        del self.objects[target.kind, target.namespace, target.name]

    def _note(self, write: str) -> None:
        if write in self.fail:
            raise self.fail.pop(write)
        self.writes.append(write)

    def _find(self, target: Target) -> Object:
        found = self.objects.get((target.kind, target.namespace, target.name))
        if found is None:
            raise ObjectGoneError
        return found

    def _stamped(self, body: Object) -> Object:
        self._count += 1
        body = copy.deepcopy(body)
        body["metadata"].setdefault("uid", f"uid-{self._count}")
        body["metadata"]["resourceVersion"] = str(self._count)
        return body


class MemoryAccess:
    """Redis' users: by session, the URL they log in with; '' stands for the Secret's."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {}

    def new_login(self, session_id: str) -> Login:
        return Login(SecretStr(f"redis://{session_id}:made-up@redis"), SecretStr("token"))

    async def grant(self, subject: Subject, login: Login | None) -> None:
        self.users[subject.uid] = login.redis_url.get_secret_value() if login else ""

    async def revoke(self, session_id: str, *, over: bool = True) -> None:
        self.users.pop(session_id, None)


def _merge(base: Object, patch: Object) -> Object:
    """Merge a patch as RFC 7386 says."""
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            below = merged.get(key)
            merged[key] = _merge(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged
