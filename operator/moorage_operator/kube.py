"""The Kubernetes API as the operator uses it: plain JSON in and out, each call with a time limit.

Only this module talks to the API server, beside kopf's watches. What a write answers with is passed
on at once (``written``), so that nobody has to wait for a watch to tell of it. Every failure leaves
as one of ``errors``.
"""

from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.exceptions import ApiException
from pydantic_core import from_json

from moorage_api.names import API_VERSION
from moorage_operator.act import Target
from moorage_operator.build.metadata import Manifest
from moorage_operator.errors import ObjectGoneError, UnavailableError, translated

_SECONDS: Final = 15.0
_LIST_SECONDS: Final = 60.0
_PAGE: Final = 250
_MERGE: Final = "application/merge-patch+json"
_BAD: Final = 400

KINDS: Final = {
    "ClaudeSession": (API_VERSION, "claudesessions"),
    "ClaudeSessionTemplate": (API_VERSION, "claudesessiontemplates"),
    "Pod": ("v1", "pods"),
    "Secret": ("v1", "secrets"),
    "PersistentVolumeClaim": ("v1", "persistentvolumeclaims"),
    "Event": ("v1", "events"),
    "Lease": ("coordination.k8s.io/v1", "leases"),
    "Node": ("v1", "nodes"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
}
"""The kinds that are read or written: the version of their API and their plural."""


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list."""

    items: list[Manifest]
    version: str
    """The version of the whole list: what it lacks was not there then."""


class KubernetesApi:
    """Reads and writes through the client library's own connection, login and token refresh."""

    def __init__(
        self,
        client: ApiClient,
        counted: Callable[[str, str], None] = lambda _verb, _kind: None,
    ) -> None:
        self._client = client
        self._counted = counted
        self.written: Callable[[str, Manifest], object] = lambda _kind, _body: None
        """Told the kind and the body of each object as a write left it."""

    async def create(self, manifest: Manifest) -> None:
        """Create an object; ViewOutdatedError if there is one of its name."""
        kind = manifest["kind"]
        path = _collection(kind, manifest["metadata"].get("namespace"))
        self.written(kind, await self._write("POST", kind, path, manifest))

    async def patch(self, target: Target, patch: Manifest, *, subresource: str = "") -> None:
        """Merge a patch into an object; with a version in it, into that version only."""
        path = _object(target) + (f"/{subresource}" if subresource else "")
        self.written(target.kind, await self._write("PATCH", target.kind, path, patch, _MERGE))

    async def delete(self, target: Target) -> None:
        """Ask for an object's deletion; with a UID, of that one and no other of its name."""
        options: Manifest = {"propagationPolicy": "Background"}
        if target.uid is not None:
            options["preconditions"] = {"uid": target.uid}
        body = await self._write("DELETE", target.kind, _object(target), options)
        if (body.get("metadata") or {}).get("deletionTimestamp"):
            self.written(target.kind, body)

    async def get(self, target: Target) -> Manifest | None:
        """Return an object as it is now; None if there is none."""
        try:
            return await self._ask("GET", _object(target))
        except ObjectGoneError:
            return None

    async def secret_value(self, target: Target, key: str) -> str | None:
        """Return a value of a Secret; None if there is none."""
        body = await self.get(target)
        encoded = ((body or {}).get("data") or {}).get(key)
        return None if encoded is None else b64decode(encoded).decode()

    async def list(self, kind: str, namespace: str | None, labels: str = "") -> AsyncIterator[Page]:
        """Return all objects of a kind, page by page; None: of all namespaces."""
        query = {"limit": str(_PAGE)} | ({"labelSelector": labels} if labels else {})
        path, following = _collection(kind, namespace), ""
        while True:
            more = query | ({"continue": following} if following else {})
            body = await self._ask("GET", f"{path}?{urlencode(more)}", seconds=_LIST_SECONDS)
            meta = body.get("metadata") or {}
            yield Page(body.get("items") or [], meta.get("resourceVersion") or "")
            following = meta.get("continue") or ""
            if not following:
                return

    async def serves(self, kind: str) -> bool:
        """Whether the API server knows a kind: whether its CRD is there."""
        version, plural = KINDS[kind]
        try:
            body = await self._ask("GET", _root(version))
        except ObjectGoneError:
            return False
        return any(each.get("name") == plural for each in body.get("resources") or ())

    async def _write(
        self, method: str, kind: str, path: str, body: Manifest, content: str = "application/json"
    ) -> Manifest:
        self._counted(method.lower(), kind)
        return await self._ask(method, path, body, content)

    async def _ask(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        content: str = "application/json",
        *,
        seconds: float = _SECONDS,
    ) -> Manifest:
        """Do one request; return the answer's JSON.

        Raises:
            OperatorError: whatever went wrong, as it is to be dealt with.
        """
        client = self._client
        headers = {"Accept": "application/json", "Content-Type": content}
        headers["User-Agent"] = client.user_agent
        try:
            await client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
            url, limit = client.configuration.host + path, aiohttp.ClientTimeout(total=seconds)
            answer = await client.call_api(method, url, headers, body, _request_timeout=limit)
            raw: bytes = await answer.read()  # type: ignore[no-untyped-call]
        except ApiException as error:
            raise translated(error) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(cause=type(error).__name__) from None
        if answer.status >= _BAD:
            refusal = ApiException(status=answer.status, reason=answer.reason)
            refusal.body, refusal.headers = raw.decode(errors="replace"), answer.headers
            raise translated(refusal)
        parsed: Manifest = from_json(raw)
        return parsed


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _collection(kind: str, namespace: str | None) -> str:
    version, plural = KINDS[kind]
    place = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{_root(version)}{place}/{plural}"


def _object(target: Target) -> str:
    return f"{_collection(target.kind, target.namespace)}/{quote(target.name, safe='')}"
