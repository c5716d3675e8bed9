"""Measures how far behind the recorder is: from a write into Redis to its row in the database."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from redis.asyncio import Redis
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.base import now
from moorage_gateway.db.engine import make_engine
from moorage_gateway.db.tables import checkpoints, inputs, messages
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.history import asked, said
from moorage_testing.live import publish
from performance.figures import Figure, Measured, at_least, at_most
from performance.gateway.stage import Serving

_RATE: Final = 200
_TURNS: Final = 50
_LOOK: Final = 0.05
_PATIENCE: Final = 30.0
_TEXT: Final = "The lamp's test waits for the time of day. " * 5


def fill_histories(serving: Serving) -> None:
    """Have 50 questions with an answer each recorded for every session."""
    asyncio.run(_fill(serving))


def take_messages(serving: Serving) -> None:
    """Have all messages that wait be taken, as runners take them: none is looked after again."""
    asyncio.run(_take(serving))


def lag(serving: Serving, seconds: float) -> Measured:
    """Write 200 finished messages a second, whatever becomes of them, and look what is recorded."""
    watch = serving.stopwatch()
    lags, wrote, late = asyncio.run(_lag(serving, seconds))
    cores = watch.read()
    figure = partial(Figure, f"recorder: {_RATE} event writes a second for {seconds:g} s")
    figures = [
        figure("greatest lag", round(max(lags), 3), "s", at_most(1)),
        figure("median lag", round(sorted(lags)[len(lags) // 2], 3), "s"),
        figure("written", round(wrote / seconds, 1), "1/s", at_least(0.99 * _RATE)),
        figure("not recorded in the end", late, "", at_most(0)),
        figure("gateway", cores["gateway"], "cores"),
        figure("other work on the machine", cores["others"], "cores"),
    ]
    return Measured(figures, {"cores": cores, "lags": lags})


async def _fill(serving: Serving) -> None:
    async with _parts(serving) as (redis, engine):
        for session_id in serving.sessions:
            turns = [f"turn-{number}" for number in range(_TURNS)]
            events = [one for turn in turns for one in (asked(turn, _TEXT), said(turn, 1, _TEXT))]
            written = await publish(redis, session_id, *events)
            await _until_at(engine, session_id, written[-1])


async def _take(serving: Serving) -> None:
    async with _parts(serving) as (_, engine), engine.begin() as connection:
        moment = now()
        waits = inputs.c.done_at.is_(None)
        await connection.execute(update(inputs).where(waits).values(sent_at=moment, done_at=moment))
        untaken = messages.c.taken_at.is_(None)
        await connection.execute(update(messages).where(untaken).values(taken_at=moment))


async def _lag(serving: Serving, seconds: float) -> tuple[list[float], int, int]:
    """Return the lags seen, how many events were written, how many sessions stayed behind."""
    pending: dict[str, dict[str, float]] = {each: {} for each in serving.sessions}
    async with _parts(serving) as (redis, engine):
        begun = time.monotonic()
        writing = asyncio.create_task(_write(redis, pending, seconds))
        lags = [0.0]
        while not writing.done() or (any(pending.values()) and _in_time(begun, seconds)):
            lags.append(await _look(engine, pending))
            await asyncio.sleep(_LOOK)
        return lags, await writing, sum(map(len, pending.values()))


def _in_time(begun: float, seconds: float) -> bool:
    return time.monotonic() < begun + seconds + _PATIENCE


async def _write(redis: Redis, pending: dict[str, dict[str, float]], seconds: float) -> int:
    begun, sessions = time.monotonic(), list(pending)
    for number in range(round(_RATE * seconds)):
        await asyncio.sleep(max(begun + number / _RATE - time.monotonic(), 0))
        session_id = sessions[number % len(sessions)]
        moment = time.monotonic()
        (event_id,) = await publish(redis, session_id, said(f"lag-{number}", 1, _TEXT))
        pending[session_id][event_id] = moment
    return number + 1 if time.monotonic() < begun + seconds + 1 else 0


async def _look(engine: AsyncEngine, pending: dict[str, dict[str, float]]) -> float:
    """Take off what is recorded; return for how long the oldest of the rest has waited."""
    moment = time.monotonic()
    async with engine.connect() as connection:
        query = select(checkpoints.c.session_id, checkpoints.c.event_id)
        reached = {row.session_id: row.event_id for row in await connection.execute(query)}
    for session_id, events in pending.items():
        last = _place(reached.get(session_id, "0-0"))
        for event_id in [each for each in events if _place(each) <= last]:
            del events[event_id]
    waiting = [since for events in pending.values() for since in events.values()]
    return max((moment - since for since in waiting), default=0.0)


def _place(event_id: str) -> tuple[int, int]:
    moment, _, number = event_id.partition("-")
    return int(moment), int(number)


async def _until_at(engine: AsyncEngine, session_id: str, event_id: str) -> None:
    query = select(checkpoints.c.event_id).where(checkpoints.c.session_id == session_id)
    async with asyncio.timeout(_PATIENCE):
        while True:
            async with engine.connect() as connection:
                if await connection.scalar(query) == event_id:
                    return
            await asyncio.sleep(_LOOK)


@asynccontextmanager
async def _parts(serving: Serving) -> AsyncIterator[tuple[Redis, AsyncEngine]]:
    """Yield clients of Redis and of the database."""
    engine = make_engine(serving.stage.database_url, DatabaseSettings())
    try:
        async with Redis.from_url(serving.stage.redis.url) as redis:
            yield redis, engine
    finally:
        await engine.dispose()
