"""kill -9 of a recording process: no message is lost, none is there twice."""

import asyncio
import random
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from moorage_gateway.db.tables import checkpoints, messages
from moorage_testing.history import History, said
from moorage_testing.live import publish
from moorage_testing.redis import RedisServer

START_LIMIT = 60.0
"""For a process to start: its imports take seconds where much else runs."""


async def test_killed_while_it_writes(history: History, redis_server: RedisServer) -> None:
    session, draw = str(uuid4()), random.Random(11)  # noqa: S311 - not a secret
    database = history.database_url
    number = 0
    before: Sequence[Any] = ()
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "moorage_testing.recording", redis_server.url, database, session
        )
        try:
            recorded = False
            for _ in range(draw.randrange(8, 25)):
                *_, last = await publish(
                    history.redis,
                    session,
                    *(said("t", number + n, str(number + n)) for n in range(20)),
                )
                number += 20
                if not recorded:  # it has started; from now on it writes while events come
                    moved = partial(_moved, before)
                    await history.until(checkpoints, session, moved, START_LIMIT)
                    recorded = True
                await asyncio.sleep(draw.uniform(0, 0.02))
        finally:
            process.kill()
            await process.wait()
        before = await history.rows(checkpoints, session)
    history.backend.add(session)
    history.start()
    await history.until_at(session, last)
    rows = await history.rows(messages, session)
    assert [row.content for row in rows] == [str(n) for n in range(number)]


def _moved(before: Sequence[Any], now: Sequence[Any]) -> bool:
    return bool(now) and now != before
