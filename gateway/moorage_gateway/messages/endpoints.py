"""/sessions/{id}/messages."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, status

from moorage_gateway.auth.access import SessionDep
from moorage_gateway.auth.principal import PrincipalDep
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import error_responses
from moorage_gateway.kept.answers import BasisDep
from moorage_gateway.kept.route import KeptRoute
from moorage_gateway.messages.schemas import Conversation, MessageQuery, MessageSent, SendMessage
from moorage_gateway.messages.service import MessageService
from moorage_gateway.requests import IdempotencyKey

router = APIRouter(
    prefix="/sessions/{session_id}/messages", tags=["messages"], route_class=KeptRoute
)


async def message_service(
    context: ContextDep, principal: PrincipalDep, basis: BasisDep
) -> MessageService:
    """Return the service for one request."""
    return MessageService(context, principal, basis)


Messages = Annotated[MessageService, Depends(message_service)]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=error_responses(400, 404, 409, 413),
)
async def send_message(
    session: SessionDep,
    request: SendMessage,
    messages: Messages,
    idempotency_key: IdempotencyKey = None,
) -> MessageSent:
    """Send a message. It is kept until the session has taken it, whatever fails meanwhile."""
    return await messages.send(session, request, idempotency_key)


@router.get("", responses=error_responses(400, 404))
async def read_messages(
    session: SessionDep, query: Annotated[MessageQuery, Query()], messages: Messages
) -> Conversation:
    """Return the conversation: each of the user's messages with what answered it."""
    return await messages.read(session, query)
