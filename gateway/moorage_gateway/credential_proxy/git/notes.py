"""Notes every push for the audit, before a git server sees it: else it is not passed on."""

from typing import Final

from redis.asyncio import Redis

from moorage_api.pushes import FIELD, PUSHES, REFUSED_MAXLEN, REFUSED_PUSHES, PushNote
from moorage_api.redis_client import FAILURES
from moorage_gateway.credential_proxy.errors import Unavailable
from moorage_gateway.credential_proxy.git.push import Push
from moorage_gateway.credential_proxy.git.repositories import Target
from moorage_gateway.credential_proxy.passes import Session

_MOST_REFS: Final = 8
_LONGEST_REF: Final = 100


class PushNotes:
    """Writes them into Redis, from where the gateway records them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def add(self, session: Session, target: Target, push: Push, *, refused: bool) -> None:
        """Note a push that is about to be passed on, or that was refused.

        Raises:
            Unavailable: Redis does not answer.
        """
        value = {FIELD: _note(session, target, push).model_dump_json(by_alias=True)}
        try:
            if refused:
                await self._redis.xadd(REFUSED_PUSHES, value, maxlen=REFUSED_MAXLEN)  # type: ignore[arg-type]
            else:
                await self._redis.xadd(PUSHES, value)  # type: ignore[arg-type]
        except FAILURES:
            raise Unavailable from None


def _note(session: Session, target: Target, push: Push) -> PushNote:
    shown = push.commands[:_MOST_REFS]
    return PushNote(
        session_id=session.id,
        namespace=session.grant.namespace,
        owner=session.grant.owner,
        repository=f"{target.address.host}/{target.address.path.strip('/')}",
        refs={
            each.ref.decode(errors="replace")[:_LONGEST_REF]: each.new.decode() for each in shown
        },
        total=len(push.commands),
    )
