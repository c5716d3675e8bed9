"""What can be done with repositories."""

import asyncio
import uuid
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record
from moorage_gateway.auth.principal import Principal
from moorage_gateway.context import Context
from moorage_gateway.errors import (
    Conflict,
    Mistake,
    NotFound,
    RequestInvalid,
    Unavailable,
)
from moorage_gateway.repositories.branches import BranchesUnknown, list_branches
from moorage_gateway.repositories.repository import RepositoryRows
from moorage_gateway.repositories.schemas import (
    AccessBody,
    AccessView,
    BranchList,
    BranchView,
    PatchRepository,
    RegisterRepository,
    RepositoryList,
    RepositoryView,
)
from moorage_gateway.repositories.sources import (
    Access,
    KnownRepository,
    Pattern,
    Sources,
    sources_for,
)
from moorage_gateway.repositories.urls import BadAddress, canonical
from moorage_gateway.settings import RepositorySettings, Settings
from moorage_gateway.settings.repositories import Usable

_NAMESPACE: Final = uuid.UUID("0d3a5b0e-1c57-5f0a-9d6b-7265706f7300")


@dataclass(frozen=True, slots=True)
class RepositoryService:
    """Repositories, as one principal may see and change them."""

    context: Context
    principal: Principal

    async def sources(self) -> Sources:
        """Return what the principal may create sessions on."""
        async with self.context.engine.connect() as connection:
            registered = await RepositoryRows(connection).all()
        settings = self.context.settings
        configured = configured_in(settings.repositories)
        names = {known.folder_name for known in configured}
        return sources_for(
            self.principal,
            [*configured, *(known for known in registered if known.folder_name not in names)],
            [Pattern(one.url, _access(one)) for one in settings.repositories.patterns],
            local_paths=settings.sessions.allow_local_paths,
        )

    async def list(self) -> RepositoryList:
        """Return the repositories that the principal may use."""
        found = sorted((await self.sources()).repositories, key=lambda known: known.folder_name)
        return RepositoryList(repositories=[self._view(one) for one in found], total=len(found))

    async def get(self, repository_id: str) -> RepositoryView:
        """Return one of them."""
        return self._view(await self._usable(repository_id))

    async def branches(self, repository_id: str) -> BranchList:
        """Return the branches of one of them."""
        known = await self._usable(repository_id)
        settings = self.context.settings
        try:
            async with asyncio.timeout(2 * settings.repositories.branches_seconds), self._slots:
                found = await list_branches(
                    known.url,
                    seconds=settings.repositories.branches_seconds,
                    local_paths=settings.sessions.allow_local_paths,
                )
        except (BranchesUnknown, TimeoutError):
            raise Unavailable("the repository's git server") from None
        default = known.default_branch or found.default
        return BranchList(
            branches=[
                BranchView(name=one.name, commit=one.commit, is_default=one.name == default)
                for one in found.branches
            ],
            total=len(found.branches),
            truncated=found.truncated,
        )

    @property
    def _slots(self) -> asyncio.Semaphore:
        return self.context.branch_slots

    async def register(self, request: RegisterRepository) -> RepositoryView:
        """Register a repository."""
        url = _checked(request.url, self.context.settings)
        known = KnownRepository(
            id=str(uuid.uuid4()),
            folder_name=request.folder_name or _name_in(url),
            url=url,
            access=_given(request.access),
            default_branch=request.default_branch,
            credentials_secret=request.credentials_secret,
        )
        configured = configured_in(self.context.settings.repositories)
        taken = any(one.folder_name == known.folder_name for one in configured)
        if not taken:
            async with self.context.engine.begin() as connection:
                taken = not await RepositoryRows(connection).add(known, self.context.clock())
                if not taken:
                    await self._record(connection, Action.REPOSITORY_REGISTER, known.id)
        if taken:
            raise Conflict(f"there is a repository {known.folder_name!r} already: choose a name")
        return self._view(known)

    async def change(self, repository_id: str, request: PatchRepository) -> RepositoryView:
        """Change a registered repository. Sessions that were created on it stay as they are."""
        self._require_registered(await self._usable(repository_id))
        given = request.model_fields_set
        async with self.context.engine.begin() as connection:
            rows = RepositoryRows(connection)
            known = await rows.get(repository_id)
            if known is None:
                raise NotFound("repository", repository_id)
            if request.url is not None:
                known = replace(known, url=_checked(request.url, self.context.settings))
            if "default_branch" in given:
                known = replace(known, default_branch=request.default_branch)
            if "credentials_secret" in given:
                known = replace(known, credentials_secret=request.credentials_secret)
            if request.access is not None:
                known = replace(known, access=_given(request.access))
            await rows.change(known, self.context.clock())
            await self._record(connection, Action.REPOSITORY_CHANGE, known.id)
        return self._view(known)

    async def remove(self, repository_id: str) -> None:
        """Remove a registered repository. Sessions that were created on it stay."""
        self._require_registered(await self._usable(repository_id))
        async with self.context.engine.begin() as connection:
            if not await RepositoryRows(connection).remove(repository_id):
                raise NotFound("repository", repository_id)
            await self._record(connection, Action.REPOSITORY_REMOVE, repository_id)

    async def _record(self, connection: AsyncConnection, action: Action, known_id: str) -> None:
        await record(connection, self.context.clock(), Act(action, known_id))

    async def _usable(self, repository_id: str) -> KnownRepository:
        for known in (await self.sources()).repositories:
            if known.id == repository_id:
                return known
        raise NotFound("repository", repository_id)

    def _require_registered(self, known: KnownRepository) -> None:
        if known.is_configured:
            raise Conflict(
                "this repository comes from MOORAGE_REPOSITORIES__LISTED: change it there"
            )

    def _view(self, known: KnownRepository) -> RepositoryView:
        access, admin = known.access, self.principal.is_admin
        return RepositoryView(
            id=known.id,
            folder_name=known.folder_name,
            path=known.url,
            url=known.url,
            default_branch=known.default_branch,
            configured=known.is_configured,
            access=AccessView(
                everybody=access.everybody,
                users=sorted(access.users),
                groups=sorted(access.groups),
            )
            if admin
            else None,
            credentials_secret=known.credentials_secret if admin else None,
        )


def configured_in(settings: RepositorySettings) -> list[KnownRepository]:
    """Return the repositories that the settings list; their ids are always the same."""
    return [
        KnownRepository(
            id=str(uuid.uuid5(_NAMESPACE, one.folder_name)),
            folder_name=one.folder_name,
            url=one.url,
            access=_access(one),
            default_branch=one.default_branch,
            credentials_secret=one.credentials_secret,
            is_configured=True,
        )
        for one in settings.listed
    ]


def _access(usable: Usable) -> Access:
    everybody = not (usable.users or usable.groups)
    return Access(everybody, frozenset(usable.users), frozenset(usable.groups))


def _given(body: AccessBody) -> Access:
    return Access(body.everybody, frozenset(body.users), frozenset(body.groups))


def _checked(url: str, settings: Settings) -> str:
    if url.startswith("/") and settings.sessions.allow_local_paths:
        return url
    try:
        canonical(url)
    except BadAddress as error:
        raise RequestInvalid([Mistake("url", str(error))]) from None
    return url


def _name_in(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2].removesuffix(".git")[:100] or "repository"
