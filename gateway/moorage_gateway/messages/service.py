"""What can be done with messages."""

from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.inbox import Prompt
from moorage_api.resources import ClaudeSession
from moorage_api.resources.parts import MAX_PROMPT
from moorage_gateway import outbox
from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record_of
from moorage_gateway.auth.access import id_of
from moorage_gateway.auth.principal import Principal
from moorage_gateway.context import Context
from moorage_gateway.errors import KeySpent, Mistake, RequestInvalid, SessionFinished, TooLarge
from moorage_gateway.idempotency.repository import Claim, KeyRepository, KeyUse
from moorage_gateway.kept.answers import Basis
from moorage_gateway.messages.conversation import nest
from moorage_gateway.messages.repository import MessageRepository, MessageRow, NewMessage
from moorage_gateway.messages.schemas import (
    Conversation,
    MessageQuery,
    MessageSent,
    SendMessage,
    SentMessage,
    SessionBrief,
)
from moorage_gateway.messages.writing import Writing
from moorage_gateway.requests import content_digest, random_id
from moorage_gateway.sessions.creation import row_for
from moorage_gateway.sessions.service import SessionService
from moorage_gateway.sessions.waking import wake


@dataclass(frozen=True, slots=True)
class MessageService:
    """Messages of sessions that one principal may see."""

    context: Context
    principal: Principal
    basis: Basis = field(default_factory=Basis)
    """Where to note what an answer is made of."""

    async def send(
        self, session: ClaudeSession, request: SendMessage, key: str | None
    ) -> MessageSent:
        """Take a message: once written down it is sure to reach the session."""
        if len(request.content) > MAX_PROMPT:
            raise TooLarge("the message", MAX_PROMPT, "characters")
        session_id = id_of(session)
        prompt = Prompt(
            input_id=random_id(), content=request.content, allowed_tools=request.allowed_tools
        )
        use = self._key_use(session_id, request, key or request.id)
        standing = await self._standing(session_id, use) if use else None
        phase = session.status.phase
        if standing is None and phase.finished:
            raise SessionFinished(session_id, phase)
        waking = False
        if standing is None:
            # Woken first: if that fails nothing was accepted, and the other way round a message
            # would wait for somebody to wake the session. Nothing fails once it is written: who was
            # refused would send it again. One that is suspended in between because it has nothing
            # to do is woken by what waits for it.
            waking = await wake(self.context, session)
            standing = await self._write(session, prompt, use)
        await outbox.deliver(self.context.relay, session_id)
        return MessageSent(message=standing, waking=waking)

    def _key_use(self, session_id: str, request: SendMessage, key: str | None) -> KeyUse | None:
        if key is None:
            return None
        digest = content_digest(request.model_copy(update={"id": None}))
        return KeyUse(self.principal.user_id, f"messages:{session_id}", key, digest)

    async def _standing(self, session_id: str, use: KeyUse) -> SentMessage | None:
        async with self.context.reads.connect() as connection:
            claim = await KeyRepository(connection).find(use, self.context.clock())
            return None if claim is None else await _sent(connection, session_id, use, claim)

    async def _write(
        self, session: ClaudeSession, prompt: Prompt, use: KeyUse | None
    ) -> SentMessage:
        """Write key, message and input down: all or nothing."""
        moment = self.context.clock()
        new = NewMessage(
            session_id=id_of(session),
            id=prompt.input_id,
            content=prompt.content,
            claude_session_id=session.status.claude_session_id,
            created_at=moment,
        )
        act = Act(Action.MESSAGE_SEND, new.id, session_id=new.session_id)
        writing = Writing(
            message=new,
            session=replace(row_for(session, moment), last_accessed_at=moment),
            input=outbox.row_of(new.session_id, prompt, moment),
            record=record_of(moment, act),
            use=use,
        )
        standing = await self.context.messages.write(writing)
        if standing is not None and use is not None:  # another request with its key was faster
            async with self.context.reads.connect() as connection:
                return await _sent(connection, new.session_id, use, standing)
        return SentMessage(
            id=new.id,
            session_id=new.session_id,
            content=new.content,
            timestamp=new.created_at,
            claude_session_id=new.claude_session_id,
        )

    async def read(self, session: ClaudeSession, query: MessageQuery) -> Conversation:
        """Return a part of the conversation."""
        session_id = id_of(session)
        async with self.context.reads.connect() as connection:
            # One after the other: who is told that the turn has ended must get all of it.
            sessions = SessionService(self.context, self.principal, self.basis)
            standing = await sessions.read(connection, session)
            heads, children = await _rows(connection, session_id, query)
        shown = heads[: query.limit]
        return Conversation(
            messages=nest(session_id, shown, children),
            session=SessionBrief(
                id=session_id,
                is_working=standing.is_working,
                current_job_id=standing.current_job_id,
                last_job_status=standing.last_job_status,
                status=standing.status,
            ),
            has_more=len(heads) > len(shown),
        )


async def _rows(
    connection: AsyncConnection, session_id: str, query: MessageQuery
) -> tuple[list[MessageRow], list[MessageRow]]:
    """Return the user's messages, one more than asked for, and what answers them."""
    repository = MessageRepository(connection)
    if query.after is None and query.limit is None:
        return await repository.all(session_id)
    after = None
    if query.after is not None:
        known = await repository.get(session_id, query.after)
        if known is None:
            raise RequestInvalid([Mistake("after", "there is no message with this id")])
        after = known.position
    limit = None if query.limit is None else query.limit + 1
    heads = await repository.heads(session_id, after, limit)
    turns = [head.id for head in heads[: query.limit]]
    return heads, await repository.children(session_id, turns)


async def _sent(
    connection: AsyncConnection, session_id: str, use: KeyUse, claim: Claim
) -> SentMessage:
    """Return the message that was sent under the key.

    Raises:
        KeySpent: if it is no longer kept.
    """
    row = await MessageRepository(connection).get(session_id, claim.object_id)
    if row is None:
        raise KeySpent(use.key, "message", claim.object_id)
    return SentMessage(
        id=row.id,
        session_id=session_id,
        content=row.content,
        timestamp=row.created_at,
        claude_session_id=row.claude_session_id,
    )
