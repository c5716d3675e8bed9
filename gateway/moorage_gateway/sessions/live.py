"""Live facts: what runners say of their sessions in Redis. Without Redis there are none."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import structlog

from moorage_api.keys import SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_api.state import (
    FIELD,
    HEARTBEAT_FIELD,
    STALE_SECONDS,
    SessionState,
    decode_state,
    heartbeat_age,
)
from moorage_gateway.pipelined import Pipelined, pack

_LONGEST_KEPT: Final = 8192
"""States are a few hundred bytes; what a runner makes longer is read anew each time."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What a runner last said, and whether it still lives."""

    state: SessionState | None = None
    alive: bool = False
    rows: bytes | None = None
    """The version of the session's rows at that moment (`kept.versions`)."""


NOTHING = LiveFacts()


async def read_live(
    pipelined: Pipelined, session_ids: Sequence[str]
) -> dict[str, LiveFacts] | None:
    """Return the live facts of the sessions, in one round trip; None where Redis is away."""
    if not session_ids:
        return {}
    try:
        replies = await pipelined.ask(*questions(session_ids))
    except FAILURES as error:
        log.warning("live facts are missing", reason=type(error).__name__)
        return None
    return facts_of(session_ids, replies)


def questions(session_ids: Sequence[str]) -> Sequence[bytes]:
    """Return the commands that ask for the sessions' live facts."""
    if not session_ids:
        return ()
    return (*map(_question, session_ids), _versions(tuple(session_ids)))


def facts_of(session_ids: Sequence[str], replies: Sequence[Any]) -> dict[str, LiveFacts]:
    """Return the live facts in the replies to `questions`, as they are now."""
    if not session_ids:
        return {}
    moment = time.time()
    *hashes, versions = replies
    return {
        session_id: facts_in(values, moment, version)
        for session_id, values, version in zip(session_ids, hashes, versions, strict=True)
    }


def facts_in(values: Sequence[Any], now_seconds: float, version: bytes | None = None) -> LiveFacts:
    """Return the facts in a state hash's two fields."""
    state, heartbeat = values
    age = None if heartbeat is None else heartbeat_age({HEARTBEAT_FIELD: heartbeat}, now_seconds)
    alive = age is not None and age <= STALE_SECONDS
    return LiveFacts(None if state is None else _decoded(state), alive, version)


def _decoded(state: bytes) -> SessionState | None:
    if len(state) > _LONGEST_KEPT:
        return decode_state({FIELD: state})
    return _decoded_once(state)


@lru_cache(maxsize=2048)
def _decoded_once(state: bytes) -> SessionState | None:
    return decode_state({FIELD: state})


@lru_cache(maxsize=8192)
def _question(session_id: str) -> bytes:
    return pack("HMGET", SessionKeys(session_id).state, FIELD, HEARTBEAT_FIELD)


@lru_cache(maxsize=1024)
def _versions(session_ids: tuple[str, ...]) -> bytes:
    return pack("MGET", *(SessionKeys(session_id).rows for session_id in session_ids))
