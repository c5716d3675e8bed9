"""Brings what is known in line with whole lists: at the start, and now and then after that.

A watch may have missed what happened while it was away; kopf lists anew then, but tells of nothing
that is gone.
"""

from collections.abc import Sequence
from typing import Final

import structlog

from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.errors import ObjectGoneError, UnavailableError
from moorage_api.names import LABEL_SESSION_UID
from moorage_operator.store import Store, version_of

_log = structlog.get_logger(__name__)
_TRIES: Final = 5

LISTED: Final = (
    ("ClaudeSessionTemplate", ""),
    ("ClaudeSession", ""),
    ("Pod", LABEL_SESSION_UID),
)
"""Kinds with the labels that they are chosen by. Pods come last: of a session that is listed then,
and of no pod, it is certain that it has none."""


class Lister:
    """Lists the namespaces that the operator watches; none: all of them."""

    def __init__(self, api: KubernetesApi, store: Store, namespaces: Sequence[str]) -> None:
        self._api = api
        self._store = store
        self._namespaces: Sequence[str | None] = namespaces or (None,)

    async def list(self) -> set[str]:
        """Take over all there is; return the sessions that something is new of.

        Raises:
            UnavailableError: The API server does not answer, or goes on losing long lists.
        """
        changed = set[str]()
        for kind, labels in LISTED:
            changed |= await self._whole(kind, labels)
        return changed

    async def _whole(self, kind: str, labels: str) -> set[str]:
        for _ in range(_TRIES):
            try:
                return await self._once(kind, labels)
            except ObjectGoneError:  # the continuation of a list was given up by the API server
                _log.info("a list expired half-way", kind=kind)
        raise UnavailableError(cause="lists expire")

    async def _once(self, kind: str, labels: str) -> set[str]:
        changed, listed, versions = set[str](), set[str](), list[int]()
        for namespace in self._namespaces:
            version = ""
            async for page in self._api.list(kind, namespace, labels):
                version = version or page.version
                for body in page.items:
                    listed.add(body["metadata"]["uid"])
                    changed.update(self._store.put(kind, body))
            versions.append(version_of(version))
        changed.update(self._store.keep_only(kind, listed, min(versions)))
        return changed
