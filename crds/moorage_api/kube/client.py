"""The Kubernetes API: plain JSON in and out, each call with a time limit.

Only this module talks to the API server, beside kopf's watches in the operator. What a write
answers with is passed on at once (``written``), so that nobody has to wait for a watch to tell of
it. Every failure leaves as one of ``errors``.
"""

from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.client.rest import RESTResponse
from pydantic_core import from_json, to_json

from moorage_api.kube.errors import (
    KubernetesError,
    ObjectGoneError,
    UnavailableError,
    translated,
)
from moorage_api.kube.objects import Manifest, Target
from moorage_api.names import API_VERSION

_SECONDS: Final = 15.0
_LIST_SECONDS: Final = 60.0
_PAGE: Final = 250
_MERGE: Final = "application/merge-patch+json"
_BAD: Final = 400
_SILENCE: Final = 10.0
"""How long a watch may be silent after its own end: the connection is dead then."""

_LONGEST_EVENT: Final = 16 * 1024 * 1024
_CONNECTION: Final = (aiohttp.ClientError, TimeoutError, OSError)

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

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object and return it; ViewOutdatedError if there is one of its name."""
        kind = manifest["kind"]
        path = _collection(kind, manifest["metadata"].get("namespace"))
        body = await self._write("POST", kind, path, manifest)
        self.written(kind, body)
        return body

    async def patch(self, target: Target, patch: Manifest, *, subresource: str = "") -> Manifest:
        """Merge a patch into an object and return that; with a version in it, into that only."""
        path = _object(target) + (f"/{subresource}" if subresource else "")
        body = await self._write("PATCH", target.kind, path, patch, _MERGE)
        self.written(target.kind, body)
        return body

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

    async def secret_values(self, target: Target) -> dict[str, str]:
        """Return what a Secret holds that is text; nothing if there is none."""
        body = await self.get(target)
        values = dict[str, str]()
        for key, encoded in ((body or {}).get("data") or {}).items():
            with suppress(UnicodeDecodeError):
                values[key] = b64decode(encoded).decode()
        return values

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

    async def watch(
        self, kind: str, namespace: str | None, version: str, seconds: int
    ) -> AsyncGenerator[Manifest]:
        """Yield the events since ``version``, for so long; then the API server ends it in order.

        Raises:
            ObjectGoneError: what happened since that version is not known any more: list anew.
            KubernetesError: whatever else went wrong.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        path = f"{_collection(kind, namespace)}?{urlencode(query)}"
        limit = aiohttp.ClientTimeout(sock_connect=_SECONDS, sock_read=seconds + _SILENCE)
        try:
            answer = await self._send("GET", path, None, "application/json", limit)
            async with answer.response as stream:
                async for event in _events(stream.content):
                    if event.get("type") == "ERROR":
                        raise _failure(event.get("object") or {})
                    yield event
        except _CONNECTION as error:
            raise UnavailableError(cause=type(error).__name__) from None

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
            KubernetesError: whatever went wrong, as it is to be dealt with.
        """
        limit = aiohttp.ClientTimeout(total=seconds)
        try:
            answer = await self._send(method, path, body, content, limit)
            raw: bytes = await answer.read()  # type: ignore[no-untyped-call]
        except _CONNECTION as error:
            raise UnavailableError(cause=type(error).__name__) from None
        return _parsed(raw)

    async def _send(
        self,
        method: str,
        path: str,
        body: Manifest | None,
        content: str,
        limit: aiohttp.ClientTimeout,
    ) -> RESTResponse:
        """Return the answer as soon as it is there, its body to be read; a failure is raised."""
        client = self._client
        headers = {"Accept": "application/json", "Content-Type": content}
        headers["User-Agent"] = client.user_agent
        try:
            await client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
            url = client.configuration.host + path
            answer = await client.call_api(method, url, headers, body, _request_timeout=limit)
        except ApiException as error:
            raise translated(error) from None
        if answer.status >= _BAD:
            refusal = ApiException(status=answer.status, reason=answer.reason)
            raw: bytes = await answer.read()  # type: ignore[no-untyped-call]
            refusal.body, refusal.headers = raw.decode(errors="replace"), answer.headers
            raise translated(refusal)
        return answer


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[Manifest]:
    """Yield the lines of a watch; what is no line yet waits, within bounds."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_EVENT:
            raise UnavailableError(cause="an event of the watch is too long")
        for line in filter(None, lines):
            yield _parsed(line)


def _parsed(raw: bytes) -> Manifest:
    try:
        parsed: Manifest = from_json(raw)
    except ValueError:
        raise UnavailableError(cause="the answer is no JSON") from None
    return parsed


def _failure(status: Manifest) -> KubernetesError:
    """Return what a Status object tells of, which comes as an event of a watch."""
    error = ApiException(status=int(status.get("code") or 0), reason=status.get("reason"))
    error.body = to_json(status).decode()
    return translated(error)


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _collection(kind: str, namespace: str | None) -> str:
    version, plural = KINDS[kind]
    place = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{_root(version)}{place}/{plural}"


def _object(target: Target) -> str:
    return f"{_collection(target.kind, target.namespace)}/{quote(target.name, safe='')}"
