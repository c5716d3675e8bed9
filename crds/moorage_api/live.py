"""What runners say of themselves in Redis: read in batches, never trusted further than parsed.

For whoever keeps sessions running, in pods or as processes.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, ResponseError

from moorage_api.keys import FINISHED_TTL_SECONDS, INBOX_GROUP, SessionKeys
from moorage_api.meter import FIELDS, decode_meter
from moorage_api.redis_client import FAILURES
from moorage_api.resources.session import Usage
from moorage_api.state import FIELD, HEARTBEAT_FIELD, SessionState, decode_state

_log = structlog.get_logger(__name__)
_PAUSE: Final = 1.0
_SILENCE: Final = 30.0
_PATTERN: Final = "moorage:{*}:notify"


@dataclass(frozen=True, slots=True)
class Sign:
    """A runner's word: its state as it wrote it, and when it last gave a sign of life."""

    raw: bytes | None = None
    heartbeat: datetime | None = None
    metered: Usage | None = None
    """What the credential proxy counted; that is no claim."""

    @property
    def state(self) -> SessionState | None:
        """The state, parsed; None where there is none that is valid."""
        return None if self.raw is None else decode_state({FIELD: self.raw})


class LiveStates:
    """The sessions' live keys."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def read(self, session_ids: Sequence[str]) -> dict[str, Sign] | None:
        """Return each session's sign in one round trip; None if Redis does not answer."""
        if not session_ids:
            return {}
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for each in session_ids:
                    keys = SessionKeys(each)
                    pipe.hmget(keys.state, [FIELD.decode(), HEARTBEAT_FIELD.decode()])
                    pipe.hmget(keys.meter, [name.decode() for name in FIELDS])
                answers = await pipe.execute(raise_on_error=False)
        except FAILURES:
            return None
        if any(isinstance(answer, BusyLoadingError) for answer in answers):
            return None
        pairs = zip(session_ids, answers[::2], answers[1::2], strict=True)
        return {each: _sign(state, counted) for each, state, counted in pairs}

    async def inbox_waits(self, session_id: str) -> bool:
        """Whether the inbox holds what the runner has not dealt with; True if nobody can tell."""
        waiting = await self.inboxes_waiting([session_id])
        return waiting is None or session_id in waiting

    async def inboxes_waiting(self, session_ids: Sequence[str]) -> set[str] | None:
        """Return those whose inbox holds what no runner has dealt with; None without Redis."""
        if not session_ids:
            return set()
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for each in session_ids:
                    inbox = SessionKeys(each).inbox
                    pipe.xinfo_groups(inbox)
                    pipe.xrevrange(inbox, count=1)
                answers = await pipe.execute(raise_on_error=False)
        except FAILURES:
            return None
        pairs = zip(answers[::2], answers[1::2], strict=True)
        return {
            each
            for each, (groups, newest) in zip(session_ids, pairs, strict=True)
            if _waits(groups, newest)
        }

    async def remove(self, session_id: str) -> None:
        """Delete the keys of a deleted session. Left over where Redis is away: they expire."""
        with suppress(*FAILURES):
            await self._redis.unlink(*SessionKeys(session_id).lasting)

    async def expire(self, session_id: str) -> None:
        """Let the keys of a finished session expire."""
        with suppress(*FAILURES):
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in SessionKeys(session_id).lasting:
                    pipe.expire(key, FINISHED_TTL_SECONDS)
                await pipe.execute()

    async def follow(
        self,
        notified: Callable[[Iterable[str]], None],
        connected: Callable[[], None] = lambda: None,
    ) -> None:
        """Pass on which sessions' states changed, as hints, until cancelled.

        ``connected`` is told each time that hints come again: those in between were missed.
        """
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as hints:
                    await hints.psubscribe(_PATTERN)
                    connected()
                    while True:
                        # With a time of its own: silence is no failure of the connection.
                        message = await hints.get_message(timeout=_SILENCE)
                        if message is not None:
                            notified([_session_of(message["channel"])])
            except FAILURES as error:
                _log.warning("no hints from Redis", cause=type(error).__name__)
            await asyncio.sleep(_PAUSE)


def _sign(state: Any, counted: Any) -> Sign:
    metered = None if isinstance(counted, Exception) else decode_meter(counted)
    if isinstance(state, Exception):
        return Sign(metered=metered)
    raw, heartbeat = state
    try:
        moment = datetime.fromtimestamp(float(heartbeat), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        moment = None
    return Sign(raw, moment, metered)


def _waits(groups: Any, newest: Any) -> bool:
    """Whether an inbox's newest entry was not dealt with."""
    if isinstance(newest, Exception) or not newest:
        return False
    own = [] if isinstance(groups, ResponseError) else _of_runner(groups)
    if not own:
        return True  # no runner has read it yet
    return any(
        each["pending"] or _place(each["last-delivered-id"]) < _place(newest[0][0]) for each in own
    )


def _of_runner(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in groups if _text(each["name"]) == INBOX_GROUP]


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _place(entry_id: bytes | str) -> tuple[int, ...]:
    return tuple(int(part) for part in _text(entry_id).split("-"))


def _session_of(channel: bytes | str) -> str:
    return _text(channel).partition("{")[2].partition("}")[0]
