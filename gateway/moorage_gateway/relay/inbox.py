"""A session's inbox in Redis, as the relay writes and checks it."""

from collections.abc import Iterable
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


async def add(
    redis: Redis, inputs: Iterable[tuple[str, str]], *, create: bool
) -> tuple[set[str], set[str]]:
    """Append inputs, each a session's id and a body, to the inboxes in this order, at once.

    Returns the sessions that have no inbox, where none was to be created; and those whose inbox
    is something else. They got nothing.
    """
    pipe = redis.pipeline(transaction=True)
    sessions = []
    for session_id, body in inputs:
        pipe.xadd(
            SessionKeys(session_id).inbox,
            {FIELD: body.encode()},
            maxlen=INBOX_MAXLEN,
            approximate=True,
            nomkstream=not create,
        )
        sessions.append(session_id)
    replies = list(zip(sessions, await pipe.execute(raise_on_error=False), strict=True))
    absent = {each for each, reply in replies if reply is None}
    return absent, {each for each, reply in replies if isinstance(reply, ResponseError)}


class Inbox:
    """The inbox stream of one session."""

    def __init__(self, redis: Redis, session_id: str) -> None:
        self._redis = redis
        self._key = SessionKeys(session_id).inbox

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
