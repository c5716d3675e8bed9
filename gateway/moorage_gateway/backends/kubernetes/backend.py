"""The interface to sessions, over the Kubernetes API."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

from pydantic import ValidationError
from redis.asyncio import Redis

from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.connection import connected, own_namespace
from moorage_api.kube.errors import (
    KubernetesError,
    ObjectGoneError,
    RefusedError,
    UnavailableError,
    ViewOutdatedError,
)
from moorage_api.kube.objects import Manifest, Target
from moorage_api.names import API_VERSION
from moorage_api.resources import ClaudeSession, ClaudeSessionTemplate, TemplateSpec
from moorage_api.tasks import end
from moorage_gateway.backends.changes import Changes
from moorage_gateway.backends.interface import (
    BackendUnavailable,
    NewSession,
    SessionChange,
    SessionExists,
    SessionMissing,
    SessionRefused,
)
from moorage_gateway.backends.kubernetes.cache import SessionCache
from moorage_gateway.backends.kubernetes.follower import KIND, Follower
from moorage_gateway.metrics.instruments import BackendMetrics, Metrics
from moorage_gateway.settings import Settings

_TEMPLATE: Final = "ClaudeSessionTemplate"
_FORBIDDEN: Final = 403
_DEFAULT: Final = "default"
_TRIES: Final = 2


class KubernetesBackend:
    """Implements SessionBackend. ``open_kubernetes`` makes one."""

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        namespaces: Sequence[str],
        metrics: BackendMetrics,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._changes = Changes()
        self._cache = SessionCache(self._changes)
        self._followers = [
            Follower(api, self._cache, each, metrics)
            for each in dict.fromkeys((namespace, *namespaces))
        ]

    async def run(self) -> None:
        """Keep what is known true, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for follower in self._followers:
                    group.create_task(follower.run())
        finally:
            self._changes.close()

    async def create(self, new: NewSession) -> ClaudeSession:
        """Create a session; one that was created with the same creation id is returned."""
        with _translated():
            return await self._created(new)

    async def _created(self, new: NewSession) -> ClaudeSession:
        """Create it; where the answer got lost, once more: it is found then, if it was done."""
        for left in reversed(range(_TRIES)):
            try:
                return self._take(await self._api.create(_manifest(new, self._namespace)))
            except ViewOutdatedError:
                return await self._found(new)
            except UnavailableError as error:
                if error.undone or not left:
                    raise
        raise AssertionError("unreachable")

    async def _found(self, new: NewSession) -> ClaudeSession:
        body = await self._api.get(Target(KIND, self._namespace, new.name))
        if body is None:
            raise BackendUnavailable("it was there, and is gone", undone=True)
        session = _read(body)
        if session is None or session.metadata.deletion_timestamp or not new.made(session):
            raise SessionExists(new.name)
        return self._take(body)

    def get(self, session_id: str) -> ClaudeSession:
        """Return the session."""
        return self._cache.get(session_id)

    def list(self) -> list[ClaudeSession]:
        """Return all sessions, oldest first."""
        return self._cache.list()

    async def suspend(self, session_id: str, *, suspend: bool) -> ClaudeSession:
        """Set spec.suspend."""
        target = self._target(session_id)
        patch = {"metadata": {"uid": session_id}, "spec": {"suspend": suspend}}
        with _translated():
            try:
                return self._take(await self._api.patch(target, patch))
            except (ObjectGoneError, ViewOutdatedError):
                raise SessionMissing(session_id) from None

    async def delete(self, session_id: str) -> None:
        """Delete the session: gone for readers at once; its pod and the rest follow."""
        try:
            target = self._target(session_id)
        except SessionMissing:
            return
        # Suppressed: it is gone, or there is another one of its name.
        with _translated(), suppress(ObjectGoneError, ViewOutdatedError):
            await self._api.delete(target)
        self._cache.hide(session_id)

    async def template(self, name: str) -> TemplateSpec | None:
        """Return what sessions of this template have in common."""
        with _translated():
            body = await self._api.get(Target(_TEMPLATE, self._namespace, name))
        if body is None:
            return None
        try:
            return ClaudeSessionTemplate.model_validate(body).spec
        except ValidationError as error:
            message = f"the template {name} cannot be read by this version of the gateway"
            raise SessionRefused(message, forbidden=False) from error

    def watch(self) -> AsyncIterator[SessionChange]:
        """Yield every present session as changed, then each change, until closed."""
        return self._changes.watch(self._cache.list)

    async def ready(self) -> bool:
        """Return whether all was listed and the watches are alive."""
        return all(follower.alive for follower in self._followers)

    def _target(self, session_id: str) -> Target:
        meta = self._cache.get(session_id).metadata
        return Target(KIND, meta.namespace or self._namespace, meta.name, session_id)

    def _take(self, body: Manifest) -> ClaudeSession:
        """Take in what a write was answered with: it holds at once, ahead of the watch."""
        session = _read(body)
        if session is None:
            raise SessionRefused("the session cannot be read any more", forbidden=False)
        self._cache.answered(body)
        return session


@asynccontextmanager
async def open_kubernetes(
    settings: Settings, redis: Redis, metrics: Metrics
) -> AsyncIterator[KubernetesBackend]:
    """Yield a backend that follows its namespaces; the first list may still be under way.

    Raises:
        ConfigException: there is no way to the API server.
    """
    del redis
    where = settings.kubernetes
    namespace = where.namespace or own_namespace() or _DEFAULT
    async with connected("moorage-gateway", where.kubeconfig) as client:
        api = KubernetesApi(client)
        backend = KubernetesBackend(api, namespace, where.namespaces, metrics.backend)
        running = asyncio.create_task(backend.run(), name="sessions")
        try:
            yield backend
        finally:
            await end(running)


def _manifest(new: NewSession, namespace: str) -> Manifest:
    """Return the resource to create: what the spec does not set is the template's, or unset."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": new.name,
            "namespace": namespace,
            "labels": new.labels,
            "annotations": new.annotations,
        },
        "spec": new.spec.model_dump(
            mode="json", by_alias=True, exclude_unset=True, exclude_none=True
        ),
    }


def _read(body: Manifest) -> ClaudeSession | None:
    try:
        return ClaudeSession.model_validate(body)
    except ValidationError:
        return None


@contextmanager
def _translated() -> Iterator[None]:
    """Pass the client's errors on as the interface's."""
    try:
        yield
    except RefusedError as error:
        forbidden = error.status == _FORBIDDEN
        raise SessionRefused(
            f"the cluster refuses: {error.message}", forbidden=forbidden, causes=error.causes
        ) from None
    except UnavailableError as error:
        raise BackendUnavailable(
            error.cause, retry_after=error.retry_after, undone=error.undone
        ) from None
    except KubernetesError as error:
        raise BackendUnavailable(error.cause) from None
