"""One pass for one session: look, decide, do, tell. Says when to look again.

Every pass ends with a time to look again, with none, or with an error that says how long to wait.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from moorage_api.kube.errors import (
    ObjectGoneError,
    RefusedError,
    UnavailableError,
    ViewOutdatedError,
)
from moorage_api.resources import ClaudeSession
from moorage_operator.act import Actor
from moorage_operator.observed import Observed
from moorage_operator.plan import Plan, PlannedEvent, plan

REFUSED_AGAIN: Final = timedelta(seconds=30)
"""When to look again where even telling of a refusal is refused."""


@dataclass(frozen=True, slots=True)
class Look:
    """A session and its surroundings, as seen in one pass."""

    session: ClaudeSession
    observed: Observed


class Gather(Protocol):
    """Looks at a session. A pod that a status tells of is gone only if the API server says so."""

    async def look(self, session_id: str) -> Look | None:
        """Return what is seen of the session; None if it is gone."""

    def doubt(self, session_id: str) -> None:
        """Have the next look read everything anew: what is known proved to be old."""


class Teller(Protocol):
    """Tells of what happened as Kubernetes Events. Never fails."""

    async def tell(self, session: ClaudeSession, events: tuple[PlannedEvent, ...]) -> None:
        """Tell of these on the session."""


class Reconciler:
    """Brings sessions nearer to what they should be."""

    def __init__(
        self, gather: Gather, actor: Actor, teller: Teller, clock: Callable[[], datetime]
    ) -> None:
        self._gather = gather
        self._actor = actor
        self._teller = teller
        self._clock = clock

    async def reconcile(self, session_id: str) -> timedelta | None:
        """Do what the session needs now; return when to look again at the latest, if known.

        Raises:
            KubernetesError: Something failed; what was done is done, the next pass goes on.
        """
        look = await self._gather.look(session_id)
        if look is None:
            return None
        try:
            return (await self._advance(look)).requeue_after
        except RefusedError:
            return REFUSED_AGAIN
        except (ViewOutdatedError, ObjectGoneError):
            self._gather.doubt(session_id)
            raise
        except UnavailableError as error:
            if not error.undone:
                self._gather.doubt(session_id)
            raise

    async def _advance(self, look: Look) -> Plan:
        """Carry out the plan; where the API server refuses, the one that says so."""
        try:
            return await self._carry_out(look)
        except RefusedError as error:
            refused = replace(look.observed, refusal=error.message)
            return await self._carry_out(replace(look, observed=refused))

    async def _carry_out(self, look: Look) -> Plan:
        decided = plan(look.session, look.observed, self._clock())
        await self._actor.carry_out(look.session, decided)
        if decided.events:
            await self._teller.tell(look.session, decided.events)
        return decided
