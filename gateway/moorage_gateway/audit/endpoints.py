"""GET /admin/audit: who did what. For admins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from moorage_gateway.audit.schemas import AuditPage, AuditQuery
from moorage_gateway.audit.service import AuditService
from moorage_gateway.auth.principal import AdminDep
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import error_responses
from moorage_gateway.limits.route import CountedRoute

router = APIRouter(prefix="/admin/audit", tags=["admin"], route_class=CountedRoute)


async def audit_service(context: ContextDep, admin: AdminDep) -> AuditService:
    """Return the service for an admin's request."""
    del admin
    return AuditService(context)


@router.get("", responses=error_responses(400, 403))
async def list_audit_records(
    query: Annotated[AuditQuery, Query()], audit: Annotated[AuditService, Depends(audit_service)]
) -> AuditPage:
    """Return who did what, newest first. For admins."""
    return await audit.find(query)
