"""What admins do with dead letters."""

from dataclasses import dataclass, fields

from moorage_api.inbox import InputRefused, Prompt, decode_input
from moorage_gateway.audit.acts import Act, Action, Outcome
from moorage_gateway.audit.record import record
from moorage_gateway.auth.access import id_of, visible_session
from moorage_gateway.auth.principal import Principal
from moorage_gateway.context import Context
from moorage_gateway.dead_letters.repository import LetterRepository, LetterRow
from moorage_gateway.dead_letters.schemas import LetterPage, LetterQuery, LetterView, Retried
from moorage_gateway.errors import NotFound, NotRetryable
from moorage_gateway.messages.schemas import SendMessage
from moorage_gateway.messages.service import MessageService


@dataclass(frozen=True, slots=True)
class LetterService:
    """Dead letters, for an admin."""

    context: Context
    admin: Principal

    async def find(self, query: LetterQuery) -> LetterPage:
        """Return the letters that ``query`` asks for."""
        async with self.context.engine.connect() as connection:
            rows, total = await LetterRepository(connection).page(query)
        return LetterPage(dead_letters=[_view(row) for row in rows], **query.of(total))

    async def get(self, letter_id: str) -> LetterView:
        """Return a letter."""
        return _view(await self._letter(letter_id))

    async def remove(self, letter_id: str) -> None:
        """Delete a letter: what it is about stays undone."""
        async with self.context.engine.begin() as connection:
            if not await LetterRepository(connection).remove(letter_id):
                raise NotFound("dead letter", letter_id)
            act = Act(Action.LETTER_DELETE, letter_id)
            await record(connection, self.context.clock(), act)

    async def retry(self, letter_id: str) -> Retried:
        """Have it done again.

        Raises:
            NotRetryable: if what it was is not known here.
            SessionFinished: if the input's session has ended.
        """
        letter = await self._letter(letter_id)
        act = Act(Action.LETTER_RETRY, letter_id, Outcome.ASKED, letter.session_id)
        async with self.context.engine.begin() as connection:
            await record(connection, self.context.clock(), act)
        return await (self._send(letter) if letter.kind == "input" else self._run(letter))

    async def _run(self, letter: LetterRow) -> Retried:
        """Put a job into the queue; the letter goes when it has succeeded."""
        await self.context.jobs.run_now(letter.name)
        async with self.context.engine.begin() as connection:
            await LetterRepository(connection).note_retry(letter.id, self.context.clock())
        return Retried()

    async def _send(self, letter: LetterRow) -> Retried:
        """Send what a prompt said as a new message.

        A runner takes each id once, and the turn of that id has ended. The letter's id is the
        message's idempotency key: however often this is begun, it is sent once.
        """
        session = visible_session(self.context.backend, self.admin, letter.session_id or "")
        prompt = await self._prompt(letter, session.spec.prompt, id_of(session))
        request = SendMessage(content=prompt.content, allowed_tools=prompt.allowed_tools)
        messages = MessageService(self.context, self.admin)
        sent = await messages.send(session, request, f"dead-letter:{letter.id}")
        async with self.context.engine.begin() as connection:
            await LetterRepository(connection).remove(letter.id)
        return Retried(message_id=sent.message.id)

    async def _prompt(self, letter: LetterRow, first: str | None, session_id: str) -> Prompt:
        """Return what was sent, by our own record and never by the runner's."""
        input_id = letter.input_id or ""
        if first is not None and input_id == f"{session_id}:prompt":
            return Prompt(input_id=input_id, content=first)
        async with self.context.engine.connect() as connection:
            body = await LetterRepository(connection).input_body(session_id, input_id)
        try:
            value = decode_input(body.encode() if body is not None else None)
        except InputRefused:
            raise NotRetryable("what it held is not kept here: delete it") from None
        if not isinstance(value, Prompt):
            raise NotRetryable(f"a {value.type} is of use at its time alone: delete it")
        return value

    async def _letter(self, letter_id: str) -> LetterRow:
        async with self.context.engine.connect() as connection:
            letter = await LetterRepository(connection).get(letter_id)
        if letter is None:
            raise NotFound("dead letter", letter_id)
        return letter


def _view(row: LetterRow) -> LetterView:
    return LetterView(**{one.name: getattr(row, one.name) for one in fields(row)})
