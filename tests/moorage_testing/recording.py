"""A process that does nothing but record one session, to be killed: URL DATABASE SESSION."""

import asyncio
import sys

from moorage_api.redis_client import make_redis
from moorage_gateway.db.engine import make_engine
from moorage_gateway.kept.versions import Changes
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.watch import SessionWatch
from moorage_gateway.pipelined import open_pipelined
from moorage_gateway.recorder.recorder import Recorder
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.live import FakeBackend


async def _record(redis_url: str, database: str, session_id: str) -> None:
    backend = FakeBackend()
    backend.add(session_id)
    engine = make_engine(database, DatabaseSettings())
    redis = make_redis(redis_url)
    hub = Hub(redis, asyncio.Event())
    watch = SessionWatch(backend, hub)
    async with open_pipelined(redis, 5) as pipelined, asyncio.TaskGroup() as group:
        for part in (hub, watch, Recorder(hub, Changes(engine, pipelined), watch)):
            group.create_task(part.run())


if __name__ == "__main__":
    asyncio.run(_record(*sys.argv[1:]))
