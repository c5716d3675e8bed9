"""What steers a running session: interrupts, another mode, another model; all through its inbox."""

import uuid
from dataclasses import dataclass

from sqlalchemy import literal, select

from moorage_api.inbox import Interrupt, SetMode, SetModel
from moorage_api.resources import ClaudeSession, Phase
from moorage_api.resources.parts import PermissionMode
from moorage_gateway import outbox
from moorage_gateway.audit.acts import Act, Action, Fact
from moorage_gateway.audit.record import record
from moorage_gateway.auth.access import id_of
from moorage_gateway.context import Context
from moorage_gateway.errors import SessionFinished
from moorage_gateway.sessions.creation import row_for
from moorage_gateway.sessions.live import NOTHING, read_live
from moorage_gateway.sessions.modes import require_allowed
from moorage_gateway.sessions.repository import SessionRepository

Steering = Interrupt | SetMode | SetModel


@dataclass(frozen=True, slots=True)
class SteeringService:
    """Inputs other than messages and decisions."""

    context: Context

    async def interrupt(self, session: ClaudeSession, turn_id: str | None) -> None:
        """End a turn. Without one named: the one worked on, or the first that waits.

        It is named to the runner whenever it is known: what is read late must not end a later
        turn. For the same reason nothing is sent to a session that has no runner and no turn.
        """
        turn = turn_id or await self._present_turn(id_of(session))
        if turn is None and session.status.phase is not Phase.READY:
            if session.status.phase.finished:
                raise SessionFinished(id_of(session), session.status.phase)
            return
        await self.send(session, Interrupt(input_id=f"interrupt-{uuid.uuid4()}", turn_id=turn))

    async def set_mode(self, session: ClaudeSession, mode: PermissionMode) -> None:
        """Change the permission mode."""
        require_allowed(mode, "mode", self.context.settings.sessions.permission_modes)
        await self.send(session, SetMode(input_id=f"mode-{uuid.uuid4()}", mode=mode))

    async def set_model(self, session: ClaudeSession, model: str | None) -> None:
        """Change the model."""
        await self.send(session, SetModel(input_id=f"model-{uuid.uuid4()}", model=model))

    async def send(self, session: ClaudeSession, value: Steering) -> None:
        """Write ``value`` down and send it; if Redis is away it is sent later."""
        session_id, phase = id_of(session), session.status.phase
        if phase.finished:
            raise SessionFinished(session_id, phase)
        moment = self.context.clock()
        async with self.context.changes.of(session_id) as connection:
            repository = SessionRepository(connection)
            await repository.add(row_for(session, moment))
            await outbox.put(connection, session_id, value, moment)
            await record(connection, moment, _act(session_id, value))
        await outbox.deliver(self.context.relay, session_id)

    async def _present_turn(self, session_id: str) -> str | None:
        facts = (await read_live(self.context.pipelined, [session_id]) or {}).get(
            session_id, NOTHING
        )
        if facts.state is not None and facts.state.turn_id is not None:
            return facts.state.turn_id
        query = select(outbox.first_waiting(literal(session_id)))
        async with self.context.reads.connect() as connection:
            return (await connection.execute(query)).scalar()


def _act(session_id: str, value: Steering) -> Act:
    details: dict[str, Fact] = {}
    match value:
        case SetMode():
            action, details = Action.SESSION_MODE, {"mode": value.mode}
        case SetModel():
            action, details = Action.SESSION_MODEL, {"model": value.model}
        case Interrupt():
            action = Action.SESSION_INTERRUPT
    return Act(action, session_id, session_id=session_id, details=details)
