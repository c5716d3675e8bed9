"""GET /quotas for one's own; /quotas/{userId} for admins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from moorage_gateway.auth.principal import AdminDep, PrincipalDep
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import error_responses
from moorage_gateway.limits.route import CountedRoute
from moorage_gateway.quotas.schemas import QuotaView, SetQuotas
from moorage_gateway.quotas.service import QuotaService

router = APIRouter(prefix="/quotas", tags=["quotas"], route_class=CountedRoute)

UserId = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[^\x00]+$")]


async def quota_service(context: ContextDep) -> QuotaService:
    """Return the service for one request."""
    return QuotaService(context)


async def quotas_of_others(context: ContextDep, admin: AdminDep) -> QuotaService:
    """Return the service for an admin's request."""
    del admin
    return QuotaService(context)


Quotas = Annotated[QuotaService, Depends(quota_service)]
QuotasOfOthers = Annotated[QuotaService, Depends(quotas_of_others)]


@router.get("")
async def own_quotas(principal: PrincipalDep, quotas: Quotas) -> QuotaView:
    """Return how many sessions the caller may have and has."""
    return await quotas.describe(principal.user_id)


@router.get("/{user_id}", responses=error_responses(400, 403))
async def quotas_of(user_id: UserId, quotas: QuotasOfOthers) -> QuotaView:
    """Return how many sessions a user may have and has. For admins."""
    return await quotas.describe(user_id)


@router.patch("/{user_id}", responses=error_responses(400, 403))
async def set_quotas(user_id: UserId, request: SetQuotas, quotas: QuotasOfOthers) -> QuotaView:
    """Set how many sessions a user may have; null: as in the settings again. For admins."""
    return await quotas.set(user_id, request)
