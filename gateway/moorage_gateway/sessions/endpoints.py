"""/sessions and what steers one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, status

from moorage_gateway.auth.access import SessionDep
from moorage_gateway.auth.principal import PrincipalDep
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import error_responses
from moorage_gateway.kept.answers import BasisDep
from moorage_gateway.kept.route import KeptRoute
from moorage_gateway.requests import IdempotencyKey
from moorage_gateway.sessions.schemas import (
    ChangeMode,
    ChangeModel,
    CreateSession,
    Done,
    InterruptSession,
    PatchSession,
    SessionPage,
    SessionQuery,
    SessionView,
)
from moorage_gateway.sessions.service import SessionService
from moorage_gateway.sessions.steering import SteeringService

router = APIRouter(prefix="/sessions", tags=["sessions"], route_class=KeptRoute)


async def session_service(
    context: ContextDep, principal: PrincipalDep, basis: BasisDep
) -> SessionService:
    """Return the service for one request."""
    return SessionService(context, principal, basis)


async def steering_service(context: ContextDep) -> SteeringService:
    """Return the service for one request."""
    return SteeringService(context)


Sessions = Annotated[SessionService, Depends(session_service)]
Steering = Annotated[SteeringService, Depends(steering_service)]


@router.post("", status_code=status.HTTP_201_CREATED, responses=error_responses(400, 409, 413, 503))
async def create_session(
    request: CreateSession, sessions: Sessions, idempotency_key: IdempotencyKey = None
) -> SessionView:
    """Create a session on a repository."""
    return await sessions.create(request, idempotency_key)


@router.get("", responses=error_responses(400))
async def list_sessions(query: Annotated[SessionQuery, Query()], sessions: Sessions) -> SessionPage:
    """Return sessions, newest first."""
    return await sessions.find(query)


@router.get("/{session_id}", responses=error_responses(404))
async def get_session(session: SessionDep, sessions: Sessions) -> SessionView:
    """Return a session."""
    return await sessions.describe(session)


@router.patch("/{session_id}", responses=error_responses(400, 404))
async def patch_session(
    session: SessionDep, request: PatchSession, sessions: Sessions
) -> SessionView:
    """Change a session's context, status or metadata."""
    return await sessions.patch(session, request)


@router.delete("/{session_id}", responses=error_responses(404))
async def delete_session(session: SessionDep, sessions: Sessions) -> Done:
    """Delete a session with its workspace and its history."""
    await sessions.delete(session)
    return Done()


@router.post("/{session_id}/suspend", responses=error_responses(404, 409))
async def suspend_session(session: SessionDep, sessions: Sessions) -> SessionView:
    """Stop a session's runner; everything is kept."""
    return await sessions.suspend(session, suspend=True)


@router.post("/{session_id}/resume", responses=error_responses(404, 409))
async def resume_session(session: SessionDep, sessions: Sessions) -> SessionView:
    """Run a suspended session again."""
    return await sessions.suspend(session, suspend=False)


@router.post("/{session_id}/interrupt", responses=error_responses(400, 404, 409))
async def interrupt_session(
    session: SessionDep, steering: Steering, request: InterruptSession | None = None
) -> Done:
    """End the turn that is worked on; messages that wait stay."""
    await steering.interrupt(session, request.turn_id if request else None)
    return Done()


@router.post("/{session_id}/mode", responses=error_responses(400, 404, 409))
async def change_mode(session: SessionDep, request: ChangeMode, steering: Steering) -> Done:
    """Change the permission mode."""
    await steering.set_mode(session, request.mode)
    return Done()


@router.post("/{session_id}/model", responses=error_responses(400, 404, 409))
async def change_model(session: SessionDep, request: ChangeModel, steering: Steering) -> Done:
    """Change the model."""
    await steering.set_model(session, request.model)
    return Done()
