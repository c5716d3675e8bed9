"""/repositories."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from moorage_gateway.auth.principal import AdminDep, PrincipalDep
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import error_responses
from moorage_gateway.limits.route import CountedRoute
from moorage_gateway.repositories.schemas import (
    BranchList,
    PatchRepository,
    RegisterRepository,
    Removed,
    RepositoryList,
    RepositoryView,
)
from moorage_gateway.repositories.service import RepositoryService

router = APIRouter(prefix="/repositories", tags=["repositories"], route_class=CountedRoute)


async def repository_service(context: ContextDep, principal: PrincipalDep) -> RepositoryService:
    """Return the service for one request."""
    return RepositoryService(context, principal)


async def repositories_of_all(context: ContextDep, admin: AdminDep) -> RepositoryService:
    """Return the service for an admin's request."""
    return RepositoryService(context, admin)


Repositories = Annotated[RepositoryService, Depends(repository_service)]
RepositoriesOfAll = Annotated[RepositoryService, Depends(repositories_of_all)]


@router.get("")
async def list_repositories(repositories: Repositories) -> RepositoryList:
    """Return the repositories that the caller may create sessions on."""
    return await repositories.list()


@router.post("", status_code=status.HTTP_201_CREATED, responses=error_responses(400, 403, 409))
async def register_repository(
    request: RegisterRepository, repositories: RepositoriesOfAll
) -> RepositoryView:
    """Register a repository. For admins."""
    return await repositories.register(request)


@router.get("/{repository_id}", responses=error_responses(404))
async def get_repository(repository_id: str, repositories: Repositories) -> RepositoryView:
    """Return a repository."""
    return await repositories.get(repository_id)


@router.patch("/{repository_id}", responses=error_responses(400, 403, 404, 409))
async def change_repository(
    repository_id: str, request: PatchRepository, repositories: RepositoriesOfAll
) -> RepositoryView:
    """Change a registered repository. For admins."""
    return await repositories.change(repository_id, request)


@router.delete("/{repository_id}", responses=error_responses(403, 404, 409))
async def remove_repository(repository_id: str, repositories: RepositoriesOfAll) -> Removed:
    """Remove a registered repository; sessions that were created on it stay. For admins."""
    await repositories.remove(repository_id)
    return Removed()


@router.get("/{repository_id}/branches", responses=error_responses(404, 503))
async def list_branches(repository_id: str, repositories: Repositories) -> BranchList:
    """Return a repository's branches, as its git server tells them now."""
    return await repositories.branches(repository_id)
