"""A session's inbox in Redis, as the relay writes and checks it."""

from collections.abc import Iterable, Sequence
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

    def goes_on_from(self, earlier: "Print") -> bool:
        """Whether it holds all that it held then, if Redis was not started anew in between."""
        return self.length >= earlier.length and self.first == earlier.first != b""


async def run_of(redis: Redis) -> object:
    """Return what tells this run of Redis from one in which it may have held something else.

    A Redis that says nothing of it counts as started anew each time.
    """
    return (await redis.info("server")).get("run_id") or object()


async def prints(redis: Redis, session_ids: Sequence[str]) -> dict[str, Print]:
    """Return the inboxes' states, of those that there are."""
    pipe = redis.pipeline(transaction=False)
    for session_id in session_ids:
        pipe.xinfo_stream(SessionKeys(session_id).inbox)
    found = zip(session_ids, await pipe.execute(raise_on_error=False), strict=True)
    return {session_id: _print(info) for session_id, info in found if isinstance(info, dict)}


def _print(info: dict[str, Any]) -> Print:
    first = info["first-entry"]
    return Print(info["length"], first[0] if first else b"")


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


async def missing(redis: Redis, session_id: str, ids: set[str]) -> set[str]:
    """Return which of these inputs the inbox does not hold, looking from its end on.

    Raises:
        ResponseError: if it is no stream.
    """
    left = set(ids)
    before = "+"
    while left:
        entries: Any = await redis.xrevrange(SessionKeys(session_id).inbox, max=before, count=_PAGE)
        for _, fields in entries:
            left.discard(_id_in(fields or {}))
        if len(entries) < _PAGE:
            break
        before = "(" + entries[-1][0].decode()
    return left


def _id_in(fields: dict[bytes, bytes]) -> str:
    try:
        return decode_input(fields.get(FIELD)).input_id
    except InputRefused:
        return ""
