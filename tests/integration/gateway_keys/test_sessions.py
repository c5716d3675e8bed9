"""One key, one session: at several replicas at once, after crashes, after the session's end."""

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from moorage_api.resources import SessionSpec
from moorage_api.resources.parts import Repository
from moorage_gateway.backends.interface import NewSession
from moorage_gateway.db.tables import idempotency_keys
from moorage_gateway.sessions.repository import SessionRepository
from moorage_gateway.settings import Settings
from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import (
    REPOSITORY,
    Gateway,
    retention_of,
    running_gateway,
    settings_for,
)
from moorage_testing.redis import RedisServer

BODY = {"projectPath": REPOSITORY}


class Clock:
    """A clock that only tests move."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def settings(home: Path, redis_server: RedisServer, database_url: str) -> Settings:
    return settings_for(home, redis_server.url, database_url=database_url)


async def create(gateway: Gateway, key: str = "key-1", **fields: str) -> httpx2.Response:
    return await gateway.client.post(
        "/sessions", json=BODY | fields, headers={"Idempotency-Key": key}
    )


@asynccontextmanager
async def two(settings: Settings, backend: MemoryBackend) -> AsyncIterator[tuple[Gateway, Gateway]]:
    async with (
        running_gateway(settings, backend) as one,
        running_gateway(settings, backend) as other,
    ):
        yield one, other


async def test_the_same_key_at_two_replicas_at_once_is_one_session(settings: Settings) -> None:
    backend = MemoryBackend()
    async with two(settings, backend) as replicas:
        answers = await asyncio.gather(*(create(replicas[n % 2]) for n in range(12)))
        assert {answer.status_code for answer in answers} == {201}
        assert {answer.json()["id"] for answer in answers} == set(backend.sessions)
        assert len(backend.sessions) == 1
        other_content = await create(replicas[1], prompt="another")
        assert (other_content.status_code, other_content.json()["code"]) == (409, "CONFLICT")
        assert "another content" in other_content.json()["error"]


class LateBackend(MemoryBackend):
    """A replica whose watch shows another's session only after a while."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.truth: MemoryBackend | None = None

    async def create(self, new: Any) -> Any:
        assert self.truth is not None
        return await self.truth.create(new)

    def watch(self) -> Any:
        self.asked.set()
        return super().watch()


async def test_a_replica_waits_for_its_watch_to_show_the_session(settings: Settings) -> None:
    backend, late = MemoryBackend(), LateBackend()
    late.truth = backend
    async with running_gateway(settings, backend) as one, running_gateway(settings, late) as other:
        first = await create(one)
        late.asked.clear()
        second = asyncio.create_task(create(other))
        await late.asked.wait()
        session_id = first.json()["id"]
        late._put(backend.sessions[session_id])
        assert (await second).json()["id"] == session_id


async def test_a_key_outlives_its_session(settings: Settings) -> None:
    backend = MemoryBackend()
    async with two(settings, backend) as (one, other):
        session_id = (await create(one)).json()["id"]
        assert (await one.client.delete(f"/sessions/{session_id}")).is_success
        for replica in (one, other):
            again = await create(replica)
            assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")
            assert again.json()["details"] == {"id": session_id, "deleted": True}
        assert backend.sessions == {}
        fresh = await create(other, "key-2")
        assert fresh.status_code == httpx2.codes.CREATED
        assert fresh.json()["id"] != session_id


async def test_keys_expire_by_the_setting(settings: Settings) -> None:
    clock = Clock()
    async with running_gateway(settings, clock=clock) as gateway:
        first = (await create(gateway)).json()["id"]
        clock.now += timedelta(hours=23.9)
        assert (await create(gateway)).json()["id"] == first
        clock.now += timedelta(hours=0.2)
        second = (await create(gateway, prompt="another")).json()["id"]
        assert second != first
        clock.now += timedelta(hours=25)
        assert await retention_of(gateway).once() == {"idempotency_keys": 1}
        async with gateway.context.engine.connect() as connection:
            assert (await connection.execute(select(idempotency_keys))).all() == []


async def test_a_create_that_failed_is_gone_on_with(settings: Settings) -> None:
    backend = MemoryBackend()
    async with two(settings, backend) as (one, other):
        backend.away = True
        assert (await create(one)).status_code == httpx2.codes.SERVICE_UNAVAILABLE
        backend.away = False
        assert (await create(other)).status_code == httpx2.codes.CREATED
        assert len(backend.sessions) == 1


_CRASHING = """
import asyncio, os, signal, sys
from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import REPOSITORY, running_gateway
from moorage_gateway.settings import Settings

class Crashing(MemoryBackend):
    async def create(self, new):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    settings = Settings.model_validate_json(sys.stdin.read())
    async with running_gateway(settings, Crashing()) as gateway:
        await gateway.client.post(
            "/sessions", json={"projectPath": REPOSITORY}, headers={"Idempotency-Key": "key-1"}
        )

asyncio.run(main())
"""


@pytest.mark.parametrize("made", [False, True], ids=["before-it-was-made", "after-it-was-made"])
async def test_a_crash_half_way_is_gone_on_with(
    settings: Settings, redis_server: RedisServer, database_url: str, made: bool
) -> None:
    given = settings.model_dump(mode="json") | {
        "redis_url": redis_server.url,
        "database_url": database_url,
    }
    crashed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _CRASHING],
        input=json.dumps(given),
        text=True,
        check=False,
        timeout=120,
    )
    assert crashed.returncode == -signal.SIGKILL
    backend = MemoryBackend()
    async with running_gateway(settings, backend) as gateway:
        async with gateway.context.engine.connect() as connection:
            promised = (await connection.scalars(select(idempotency_keys.c.object_id))).one()
        if made:  # the resource was written, the answer was not
            async with gateway.context.engine.connect() as connection:
                row = await SessionRepository(connection).get(promised)
            assert row is not None
            spec = SessionSpec(repository=Repository(url=REPOSITORY), owner=row.owner_id)
            backend.place(NewSession(promised, row.name, spec, {}), str(uuid.uuid4()))
        answers = [await create(gateway) for _ in range(2)]
        assert {answer.status_code for answer in answers} == {201}
        assert len(backend.sessions) == 1
        assert {answer.json()["id"] for answer in answers} == set(backend.sessions)
