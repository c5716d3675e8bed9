"""/approvals and /sessions/{id}/approvals."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from moorage_gateway.approvals.schemas import ApprovalList, ApprovalQuery, ApprovalView, Decide
from moorage_gateway.approvals.service import ApprovalService
from moorage_gateway.auth.access import SessionDep
from moorage_gateway.auth.principal import PrincipalDep
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import error_responses
from moorage_gateway.limits.route import CountedRoute

router = APIRouter(tags=["approvals"], route_class=CountedRoute)


async def approval_service(context: ContextDep, principal: PrincipalDep) -> ApprovalService:
    """Return the service for one request."""
    return ApprovalService(context, principal)


Approvals = Annotated[ApprovalService, Depends(approval_service)]
Filter = Annotated[ApprovalQuery, Query()]


@router.get("/approvals", responses=error_responses(400))
async def all_approvals(query: Filter, approvals: Approvals) -> ApprovalList:
    """Return what all sessions ask to be allowed, newest first."""
    return await approvals.of_all(query)


@router.get("/sessions/{session_id}/approvals", responses=error_responses(400, 404))
async def session_approvals(
    session: SessionDep, query: Filter, approvals: Approvals
) -> ApprovalList:
    """Return what a session asks to be allowed, newest first."""
    return await approvals.of([session], query)


@router.post(
    "/sessions/{session_id}/approvals/{approval_id}", responses=error_responses(400, 404, 409)
)
async def decide(
    session: SessionDep, approval_id: str, request: Decide, approvals: Approvals
) -> ApprovalView:
    """Allow or deny. The first decision stands; the same one again changes nothing."""
    return await approvals.decide(session, approval_id, request)
