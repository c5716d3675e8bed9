"""Carries out a plan: the only place that writes. Idempotent, one write at a time, in their order.

What was there already is as good as created, what is gone as good as deleted; a pod that is there
although the plan found none means that the plan was decided from an old view.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from moorage_api.kube.errors import ObjectGoneError, ViewOutdatedError
from moorage_api.kube.objects import Manifest, Target
from moorage_api.resources import ClaudeSession, SessionStatus
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
from moorage_operator.build import (
    Login,
    Subject,
    build_claim,
    build_pod,
    build_secret,
    spec_patch,
)
from moorage_operator.build.pod import mark_patch
from moorage_operator.disruption import DisruptionBudgets
from moorage_operator.plan import Plan, Step, WriteStatus
from moorage_operator.settings import PodSettings

SESSION: Final = "ClaudeSession"


class Api(Protocol):
    """The Kubernetes API as far as it is written to. Raises the errors of ``kube.errors``."""

    async def create(self, manifest: Manifest) -> object:
        """Create an object; ViewOutdatedError if there is one of its name."""

    async def patch(self, target: Target, patch: Manifest, *, subresource: str = "") -> object:
        """Merge a patch into an object; with a version in it, into that version only."""

    async def delete(self, target: Target) -> None:
        """Ask for an object's deletion."""


class Access(Protocol):
    """The sessions' users in Redis."""

    def new_login(self, session_id: str) -> Login:
        """Make up a login by chance."""

    async def grant(self, subject: Subject, login: Login | None) -> None:
        """Create the user with this login; None: with the one that the session's Secret holds."""

    async def revoke(self, session_id: str, *, over: bool = True) -> None:
        """Delete the user; the keys of a session that is over may expire."""


class Actor:
    """Carries out plans."""

    def __init__(
        self,
        api: Api,
        access: Access,
        budgets: DisruptionBudgets,
        settings: PodSettings,
        redis_ca: str | None = None,
    ) -> None:
        self._api = api
        self._access = access
        self._build = partial(build_pod, settings=settings, redis_ca=redis_ca)
        self._budgets = budgets

    async def carry_out(self, session: ClaudeSession, plan: Plan) -> None:
        """Do all that the plan asks for.

        Raises:
            KubernetesError: A write failed; those before it are done, those after it are not.
        """
        work = _Work(self._api, self._access, self._build, session, plan, self._budgets)
        for step in plan.steps:
            await work.do(step)


class _Work:
    """One plan being carried out."""

    def __init__(
        self,
        api: Api,
        access: Access,
        build: Callable[[Subject], Manifest],
        session: ClaudeSession,
        plan: Plan,
        budgets: DisruptionBudgets,
    ) -> None:
        self._api = api
        self._access = access
        self._build = build
        self._session = session
        self._subject = Subject(session, plan.spec or session.spec)
        self._login: Login | None = None
        self._budgets = budgets

    async def do(self, step: Step) -> None:
        """Do one write."""
        match step:
            case WriteStatus():
                await self._write_status(step.status)
            case CreatePod():
                await self._api.create(self._build(self._subject))
            case CreateClaim():
                await self._create_once(lambda: build_claim(self._subject))
            case CreateSecret():
                await self._create_secret()
            case UpdateSecret():
                await self._api.patch(self._own("Secret"), spec_patch(self._subject))
            case _:
                await self._do_more(step)

    async def _do_more(self, step: Action) -> None:
        match step:
            case GrantAccess():
                await self._access.grant(self._subject, self._login)
            case RevokeAccess():
                await self._access.revoke(self._subject.uid, over=step.over)
            case MarkPod():
                await self._mark(step)
            case DeletePod():
                await self._delete(self._own("Pod", step.uid))
            case DeleteSession():
                await self._delete(self._itself())
            case SetSuspend():
                await self._set_suspend(suspend=step.suspend)

    async def _create_secret(self) -> None:
        """Create the Secret; one that is there keeps its login, and gets the spec as it is now."""
        login = self._access.new_login(self._subject.uid)
        if await self._create_once(lambda: build_secret(self._subject, login)):
            self._login = login
        else:
            await self._api.patch(self._own("Secret"), spec_patch(self._subject))

    async def _create_once(self, build: Callable[[], Manifest]) -> bool:
        try:
            await self._api.create(build())
        except ViewOutdatedError:
            return False
        return True

    async def _write_status(self, status: SessionStatus) -> None:
        patch = {
            "metadata": {"resourceVersion": self._session.metadata.resource_version},
            "status": status_patch(self._session.status, status),
        }
        await self._api.patch(self._itself(), patch, subresource="status")

    async def _set_suspend(self, *, suspend: bool) -> None:
        """Write spec.suspend, without a version: the status just written made another one."""
        patch = {"metadata": {"uid": self._subject.uid}, "spec": {"suspend": suspend}}
        await self._api.patch(self._itself(), patch)

    async def _mark(self, step: MarkPod) -> None:
        if not step.safe_to_evict:
            await self._budgets.ensure(self._session.metadata.namespace or "")
        patch = mark_patch(safe_to_evict=step.safe_to_evict)
        patch["metadata"]["uid"] = step.uid
        try:
            await self._api.patch(self._own("Pod", step.uid), patch)
        except (ObjectGoneError, ViewOutdatedError):
            return

    async def _delete(self, target: Target) -> None:
        try:
            await self._api.delete(target)
        except (ObjectGoneError, ViewOutdatedError):
            return

    def _own(self, kind: str, uid: str | None = None) -> Target:
        namespace = self._session.metadata.namespace or ""
        return Target(kind, namespace, self._subject.name, uid)

    def _itself(self) -> Target:
        meta = self._session.metadata
        return Target(SESSION, meta.namespace or "", meta.name, meta.uid)


def status_patch(before: SessionStatus, after: SessionStatus) -> dict[str, Any]:
    """Return the merge patch from one status to the other; what is gone is null."""
    old = before.model_dump(mode="json", by_alias=True, exclude_none=True)
    new = after.model_dump(mode="json", by_alias=True, exclude_none=True)
    gone = {key: None for key in old if key not in new}
    return gone | {key: value for key, value in new.items() if old.get(key) != value}
