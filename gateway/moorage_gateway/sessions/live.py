"""Live facts: what runners say of their sessions in Redis. Without Redis there are none."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis

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

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What a runner last said, and whether it still lives."""

    state: SessionState | None = None
    alive: bool = False


NOTHING = LiveFacts()


async def read_live(redis: Redis, session_ids: Sequence[str]) -> dict[str, LiveFacts] | None:
    """Return the live facts of the sessions, in one round trip; None where Redis is away."""
    if not session_ids:
        return {}
    pipeline = redis.pipeline(transaction=False)
    for session_id in session_ids:
        pipeline.hmget(SessionKeys(session_id).state, [FIELD, HEARTBEAT_FIELD])
    try:
        answers = await pipeline.execute()
    except FAILURES as error:
        log.warning("live facts are missing", reason=type(error).__name__)
        return None
    moment = time.time()
    return {
        session_id: facts_in(values, moment)
        for session_id, values in zip(session_ids, answers, strict=True)
    }


def facts_in(values: Sequence[Any], now_seconds: float) -> LiveFacts:
    """Return the facts in a state hash's two fields."""
    fields = {
        name: value
        for name, value in zip((FIELD, HEARTBEAT_FIELD), values, strict=True)
        if value is not None
    }
    age = heartbeat_age(fields, now_seconds)
    alive = age is not None and age <= STALE_SECONDS
    return LiveFacts(state=decode_state(fields), alive=alive)
