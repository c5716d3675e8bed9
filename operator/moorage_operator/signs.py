"""What Redis holds of the sessions, and since when it could have held it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from moorage_api.live import LiveStates, Sign
from moorage_api.resources import Activity, Phase, Usage
from moorage_api.state import SessionState
from moorage_operator.observed import RUNNER, Live
from moorage_operator.redis_users import RedisUsers
from moorage_operator.store import Record

_REST: Final = timedelta(seconds=1)
"""Idle for less than this no session is suspended, so what waits in its inbox is not asked for."""


class Signs:
    """Reads for passes and sweeps; remembers since when Redis has answered without a break."""

    def __init__(
        self, states: LiveStates, users: RedisUsers, clock: Callable[[], datetime]
    ) -> None:
        self._states = states
        self._users = users
        self._clock = clock
        self.reachable_since: datetime | None = None
        """None: it does not answer."""

    def answered(self) -> None:
        """Note that Redis answers, and that its users are known."""
        if self.reachable_since is None:
            self.reachable_since = self._clock()

    def failed(self) -> None:
        """Note that Redis does not answer."""
        self.reachable_since = None

    async def of(self, record: Record) -> Live | None:
        """Return what is there of a session; None if Redis does not answer.

        Of a session that never had a pod nothing can be there, and while the runner of its pod
        has not begun nothing that counts.
        """
        since = self.reachable_since
        if since is None:
            return None  # the sweep finds out when it is back, and which users it knows then
        if _is_new(record) or (_is_coming(record) and not record.session.spec.suspend):
            return self._live(record, since, None)
        read = await self._states.read([record.uid])
        if read is None:
            self.failed()
            return None
        sign = read[record.uid]
        state, waiting = sign.state, set[str]()
        if record.session.spec.suspend or self._rests(record, state):
            asked = await self._states.inboxes_waiting([record.uid])
            if asked is None:
                self.failed()
                return None
            waiting = asked
        remember(record, sign)
        live = self._live(record, since, state, inputs_waiting=bool(waiting))
        return replace(live, metered=_metered(sign, record))

    def _rests(self, record: Record, state: SessionState | None) -> bool:
        """Whether it could be suspended as idle: not in the very moment that it gets Ready."""
        if state is None or state.activity is not Activity.IDLE:
            return False
        if record.session.status.phase is not Phase.READY:
            return False
        last = state.last_activity_at
        return last is None or self._clock() - last > _REST

    def _live(
        self,
        record: Record,
        since: datetime,
        state: SessionState | None,
        *,
        inputs_waiting: bool = False,
    ) -> Live:
        granted = self._users.granted_at(record.uid)
        return Live(
            reachable_since=since if granted is None else max(since, granted),
            state=state,
            heartbeat=record.heartbeat,
            inputs_waiting=inputs_waiting,
            access=record.uid in self._users.known,
        )


def _metered(sign: Sign, record: Record) -> Usage | None:
    """Return what was metered; how many prompts were answered only the runner knows."""
    usage = sign.metered
    if usage is None:
        return None
    said = sign.state.usage.turns if sign.state is not None else 0
    return usage.model_copy(update={"turns": max(said, record.session.status.usage.turns)})


def remember(record: Record, sign: Sign) -> None:
    """Keep a sign of life: it counts also when Redis loses it."""
    record.heard = sign.raw
    record.heartbeat = sign.heartbeat or record.heartbeat


def _is_new(record: Record) -> bool:
    return record.pod is None and record.session.status.started_at is None


def _is_coming(record: Record) -> bool:
    return record.pod is not None and record.pod.container(RUNNER).state == "waiting"
