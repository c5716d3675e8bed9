"""Keeps the session's state hash true: what the runner says of itself, and that it is alive.

Level-triggered: the whole state is written at every change and with every heartbeat, so that a
Redis that lost it has it again within HEARTBEAT_SECONDS.
"""

import asyncio
from contextlib import suppress
from time import time
from typing import Any

from redis.asyncio import Redis

from moorage_api.backoff import Backoff
from moorage_api.keys import SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_api.resources import Phase
from moorage_api.state import (
    FIELD,
    HEARTBEAT_FIELD,
    HEARTBEAT_SECONDS,
    SessionState,
    decode_state,
    encode_state,
)
from moorage_runner.logs import get_logger


class StateKeeper:
    """The state and its copy in Redis. Changes are made at once and written by `run`."""

    def __init__(self, redis: Redis, keys: SessionKeys) -> None:
        self._redis = redis
        self._keys = keys
        self._state = SessionState(phase=Phase.STARTING)
        self._changed = asyncio.Event()
        self._written: SessionState | None = None
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def now(self) -> SessionState:
        """The state as it is."""
        return self._state

    async def load(self) -> SessionState | None:
        """Return what the runner before left in Redis."""
        fields: Any = await self._redis.hgetall(self._keys.state)
        return decode_state(fields)

    def change(self, **changes: Any) -> None:
        """Change fields of the state."""
        changed = self._state.model_copy(update=changes)
        if changed != self._state:
            self._state = changed
            self._changed.set()

    async def flushed(self) -> None:
        """Wait until the state as it is now stands in Redis."""
        if self._written == self._state:
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._changed.set()
        await future

    async def write_once(self) -> None:
        """Write the state if Redis is there: the last word of a runner that fails."""
        with suppress(*FAILURES):
            await self._write()

    async def run(self) -> None:
        """Write changes and heartbeats until cancelled."""
        backoff = Backoff()
        while True:
            self._changed.clear()
            waiting, self._waiting = self._waiting, []
            try:
                await self._write()
            except FAILURES as error:
                get_logger().warning("state waits", cause=type(error).__name__)
                self._waiting = waiting + self._waiting
                await asyncio.sleep(backoff.next())
                continue
            backoff.reset()
            for future in waiting:
                if not future.done():
                    future.set_result(None)
            await self._until_due()

    async def _write(self) -> None:
        state = self._state
        values: dict[Any, Any] = {FIELD: encode_state(state), HEARTBEAT_FIELD: f"{time():.3f}"}
        pipe = self._redis.pipeline(transaction=False)
        pipe.hset(self._keys.state, mapping=values)
        if state != self._written:
            pipe.publish(self._keys.notify, "state")
        await pipe.execute()
        self._written = state

    async def _until_due(self) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            return
