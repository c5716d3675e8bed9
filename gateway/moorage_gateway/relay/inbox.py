"""A session's inbox in Redis, as the relay writes and checks it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from moorage_api.inbox import FIELD, InputRefused, decode_input
from moorage_api.keys import INBOX_MAXLEN, SessionKeys

_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Print:
    """What tells one state of an inbox from another."""

    length: int
    first: bytes
    last: bytes


class Inbox:
    """The inbox stream of one session."""

    def __init__(self, redis: Redis, session_id: str) -> None:
        self._redis = redis
        self._key = SessionKeys(session_id).inbox

    async def add(self, bodies: Sequence[str], *, create: bool) -> bool:
        """Append inputs, all or none. False if there is no inbox and none was to be created."""
        pipe = self._redis.pipeline(transaction=True)
        for body in bodies:
            pipe.xadd(
                self._key,
                {FIELD: body.encode()},
                maxlen=INBOX_MAXLEN,
                approximate=True,
                nomkstream=not create,
            )
        replies = await pipe.execute()
        return replies[0] is not None

    async def fingerprint(self) -> Print | None:
        """Return what tells its state, None if there is none."""
        try:
            info: Any = await self._redis.xinfo_stream(self._key)
        except ResponseError as error:
            if "no such key" in str(error).lower():
                return None
            raise
        first = info["first-entry"]
        return Print(info["length"], first[0] if first else b"", info["last-generated-id"])

    async def missing(self, ids: set[str]) -> set[str]:
        """Return which of these inputs it does not hold, looking from its end on."""
        missing = set(ids)
        before = "+"
        while missing:
            entries: Any = await self._redis.xrevrange(self._key, max=before, count=_PAGE)
            for _, fields in entries:
                missing.discard(_id_in(fields or {}))
            if len(entries) < _PAGE:
                break
            before = "(" + entries[-1][0].decode()
        return missing


def _id_in(fields: dict[bytes, bytes]) -> str:
    try:
        return decode_input(fields.get(FIELD)).input_id
    except InputRefused:
        return ""
