"""The sessions' grants at the credential proxy: leases in Redis, written, renewed and ended here.

The proxy lets in who has the token whose digest a grant holds (decision record 0060).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from moorage_api import meter
from moorage_api.grant import GRANT_FIELD, LEASE_SECONDS, TOKEN_FIELD, Grant, make_grant
from moorage_api.keys import SessionKeys
from moorage_api.kube.errors import UnavailableError
from moorage_api.redis_client import FAILURES
from moorage_operator.build import Subject

_RENEWED: Final = timedelta(seconds=LEASE_SECONDS / 4)

Mark = tuple[object, ...]
"""What a grant was made from; another one asks for another grant."""


class Grants:
    """The grants of one installation."""

    def __init__(self, redis: Redis, clock: Callable[[], datetime]) -> None:
        self._redis = redis
        self._clock = clock
        self._written: dict[str, tuple[Mark, datetime]] = {}

    async def write(self, subject: Subject, token_digest: str) -> None:
        """Let the session in by this token.

        What it spent comes back into a meter that Redis lost, as far as its status tells: else its
        budget would begin anew.

        Raises:
            UnavailableError: Redis does not answer.
        """
        keys, pipe = SessionKeys(subject.uid), self._redis.pipeline(transaction=True)
        spent = round(subject.session.status.usage.cost_usd * meter.MICRO)
        if spent:
            pipe.hsetnx(keys.meter, meter.COST.decode(), spent)
            pipe.persist(keys.meter)
        fields: Any = {TOKEN_FIELD: token_digest, GRANT_FIELD: _document(grant_of(subject))}
        pipe.hset(keys.grant, mapping=fields)
        pipe.expire(keys.grant, LEASE_SECONDS)
        await _execute(pipe)
        self._written.pop(subject.uid, None)

    async def revoke(self, session_id: str) -> None:
        """Let nobody in any more.

        Raises:
            UnavailableError: Redis does not answer.
        """
        self._written.pop(session_id, None)
        pipe = self._redis.pipeline(transaction=False)
        pipe.delete(SessionKeys(session_id).grant)
        await _execute(pipe)

    def due(self, session_id: str, mark: Mark) -> bool:
        """Whether a grant is to be renewed: made from something else, or some while ago."""
        known, moment = self._written.get(session_id, (None, None))
        return moment is None or known != mark or self._clock() - moment >= _RENEWED

    async def renew(self, wanted: Mapping[str, tuple[Mark, Grant | None]]) -> set[str]:
        """Renew these, with what they are to hold now (None: what they hold); return the lost ones.

        Raises:
            UnavailableError: Redis does not answer.
        """
        pipe = self._redis.pipeline(transaction=False)
        for session_id in wanted:
            pipe.expire(SessionKeys(session_id).grant, LEASE_SECONDS)
        found = await _execute(pipe)
        there = [each for each, answer in zip(wanted, found, strict=True) if answer]
        pipe = self._redis.pipeline(transaction=False)
        for session_id in there:
            grant = wanted[session_id][1]
            if grant is not None:
                pipe.hset(SessionKeys(session_id).grant, GRANT_FIELD.decode(), _document(grant))
        await _execute(pipe)
        now = self._clock()
        self._written |= {each: (wanted[each][0], now) for each in there}
        return set(wanted) - set(there)


def grant_of(subject: Subject) -> Grant:
    """Return what a session may do."""
    meta = subject.session.metadata
    return make_grant(meta.namespace or "", meta.name, subject.spec)


def _document(grant: Grant) -> str:
    return grant.model_dump_json(by_alias=True)


async def _execute(pipe: Any) -> list[Any]:
    try:
        answers: list[Any] = await pipe.execute()
    except FAILURES as error:
        said = str(error) if isinstance(error, ResponseError) else type(error).__name__
        raise UnavailableError(cause=f"Redis: {said}") from error
    return answers
