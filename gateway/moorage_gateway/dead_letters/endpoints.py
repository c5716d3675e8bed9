"""/admin/dead-letters: what was given up. For admins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from moorage_gateway.auth.principal import AdminDep
from moorage_gateway.context import ContextDep
from moorage_gateway.dead_letters.schemas import LetterPage, LetterQuery, LetterView, Retried
from moorage_gateway.dead_letters.service import LetterService
from moorage_gateway.errors import error_responses
from moorage_gateway.limits.route import CountedRoute
from moorage_gateway.sessions.schemas import Done

router = APIRouter(prefix="/admin/dead-letters", tags=["admin"], route_class=CountedRoute)

LetterId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]+$")]


async def letter_service(context: ContextDep, admin: AdminDep) -> LetterService:
    """Return the service for one request."""
    return LetterService(context, admin)


Letters = Annotated[LetterService, Depends(letter_service)]


@router.get("", responses=error_responses(400, 403, 503))
async def list_dead_letters(query: Annotated[LetterQuery, Query()], letters: Letters) -> LetterPage:
    """Return what was given up, the latest first. For admins."""
    return await letters.find(query)


@router.get("/{letter_id}", responses=error_responses(400, 403, 404, 503))
async def get_dead_letter(letter_id: LetterId, letters: Letters) -> LetterView:
    """Return a dead letter. For admins."""
    return await letters.get(letter_id)


@router.post("/{letter_id}/retry", responses=error_responses(400, 403, 404, 409, 503))
async def retry_dead_letter(letter_id: LetterId, letters: Letters) -> Retried:
    """Have it done again. For admins.

    A job is put into the queue, and its letter goes when a run succeeds. An input is sent to its
    session as a new message, and its letter goes at once.
    """
    return await letters.retry(letter_id)


@router.delete("/{letter_id}", responses=error_responses(400, 403, 404, 503))
async def delete_dead_letter(letter_id: LetterId, letters: Letters) -> Done:
    """Delete a dead letter; what it is about stays undone. For admins."""
    await letters.remove(letter_id)
    return Done()
