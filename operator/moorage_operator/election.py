"""Which of several operators works: the one that holds the Lease, by the client library's election.

Around the library's own lock: every call has a time limit, and a connection that fails is a try
that failed, not the end of the candidate.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import aiohttp
import structlog
from kubernetes.aio.client import ApiClient, V1Lease, V1ObjectMeta
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.errors import KubernetesError
from moorage_api.kube.objects import Target
from moorage_operator.settings import LeaseSettings

_log = structlog.get_logger(__name__)
_CALL_SECONDS: Final = 5.0
_FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError)


Work = Callable[[], Coroutine[Any, Any, None]]


class LeaseLostError(RuntimeError):
    """Another may work by now: this process must not go on."""

    def __init__(self) -> None:
        super().__init__("the Lease could not be renewed in time")


class Election:
    """A candidacy of this process."""

    def __init__(
        self, client: ApiClient, api: KubernetesApi, settings: LeaseSettings, identity: str
    ) -> None:
        self._api = api
        self._settings = settings
        self._identity = identity
        self._lock = _Lock(settings.name, settings.namespace, identity, client)

    async def lead(self, work: Work, stop: asyncio.Event) -> None:
        """Wait for the Lease, work while it is held, and give it back.

        Ends when the work does, or when it is told to stop before it got the Lease.

        Raises:
            LeaseLostError: it could not be renewed; the work was cancelled.
        """
        elected = asyncio.Event()
        campaign = asyncio.create_task(self._campaign(elected), name="election")
        tasks: list[asyncio.Task[Any]] = [
            campaign,
            asyncio.create_task(elected.wait(), name="waiting for the Lease"),
            asyncio.create_task(stop.wait(), name="waiting for the end"),
        ]
        try:
            _log.info("standing by", identity=self._identity)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                return
            _log.info("leading", identity=self._identity)
            working = asyncio.create_task(work(), name="work")
            tasks.append(working)
            await asyncio.wait({campaign, working}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await campaign
                raise LeaseLostError
            await working
        finally:
            await _cancel(tasks)
            if elected.is_set():
                await self._release()

    async def _campaign(self, elected: asyncio.Event) -> None:
        async def started() -> None:
            elected.set()

        async def stopped() -> None:
            _log.warning("the Lease is lost", identity=self._identity)

        settings = self._settings
        config = Config(
            self._lock,
            lease_duration=settings.duration_seconds,
            renew_deadline=settings.renew_seconds,
            retry_period=settings.retry_seconds,
            onstarted_leading=started,
            onstopped_leading=stopped,
        )
        await LeaderElection(config).run()

    async def _release(self) -> None:
        """Give the Lease back, if it is still this process' own, so that nobody has to wait."""
        target = Target("Lease", self._settings.namespace, self._settings.name)
        with suppress(KubernetesError):
            lease = await self._api.get(target)
            if lease is None or lease["spec"].get("holderIdentity") != self._identity:
                return
            version = lease["metadata"]["resourceVersion"]
            patch: dict[str, Any] = {
                "metadata": {"resourceVersion": version},
                "spec": {"holderIdentity": None},
            }
            await self._api.patch(target, patch)


class _Lock(LeaseLock):  # type: ignore[misc,unused-ignore]
    """The library's lock, each call limited in time."""

    async def get(self, name: str, namespace: str) -> Any:
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                return await super().get(name, namespace)
        except _FAILURES as error:
            return False, ApiException(status=0, reason=type(error).__name__)

    async def create(
        self, name: str, namespace: str, election_record: LeaderElectionRecord
    ) -> bool:
        # Not the library's: it asks for pretty=True, which its own client 37.0 refuses.
        body = V1Lease(
            metadata=V1ObjectMeta(name=name),
            spec=self.update_lease(election_record),  # type: ignore[no-untyped-call,unused-ignore]
        )
        with suppress(ApiException, *_FAILURES):
            async with asyncio.timeout(_CALL_SECONDS):
                await self.api_instance.create_namespaced_lease(namespace, body)
                return True
        return False

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        with suppress(*_FAILURES):
            async with asyncio.timeout(_CALL_SECONDS):
                return bool(await super().update(name, namespace, updated_record))
        return False


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
