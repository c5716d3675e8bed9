"""Quotas: exact when replicas create and resume at once; an admin's word before the settings'."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from moorage_api.resources import Phase
from moorage_gateway.settings import Settings
from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer

BODY = {"projectPath": REPOSITORY}


def with_quotas(home: Path, redis: RedisServer, url: str, **quotas: int) -> Settings:
    values: dict[str, Any] = {"sessions_running": 0, "sessions_created": 0}
    return settings_for(home, redis.url, database_url=url, quotas=values | quotas)


@pytest.mark.parametrize("quota", ["sessions_running", "sessions_created"])
async def test_replicas_that_know_nothing_of_each_other_keep_to_a_quota(
    redis_server: RedisServer, home: Path, database_url: str, quota: str
) -> None:
    settings = with_quotas(home, redis_server, database_url, **{quota: 3})
    async with (
        running_gateway(settings, MemoryBackend()) as one,
        running_gateway(settings, MemoryBackend()) as other,
    ):
        answers = await asyncio.gather(
            *(gateway.client.post("/sessions", json=BODY) for gateway in (one, other) * 6)
        )
        assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 9}
        assert len(one.backend.sessions) + len(other.backend.sessions) == 3
        refused = next(answer.json() for answer in answers if answer.status_code == 409)
        name = {"sessions_running": "sessionsRunning", "sessions_created": "sessionsCreated"}[quota]
        assert refused["details"] == {"quota": name, "limit": 3, "used": 3}


async def test_resuming_counts_and_suspending_frees(
    redis_server: RedisServer, home: Path, database_url: str
) -> None:
    settings = with_quotas(home, redis_server, database_url, sessions_running=1)
    backend = MemoryBackend()
    async with (
        running_gateway(settings, backend) as one,
        running_gateway(settings, backend) as other,
    ):
        first = await one.create()
        await suspend(one, first)
        second = await other.create()
        assert (await one.client.post(f"/sessions/{first}/resume")).status_code == 409
        message = {"content": "Hi"}
        refused = await one.client.post(f"/sessions/{first}/messages", json=message)
        assert (refused.status_code, refused.json()["details"]["quota"]) == (409, "sessionsRunning")
        assert (await one.client.get(f"/sessions/{first}/messages")).json()["messages"] == []
        await suspend(other, second)
        answers = await asyncio.gather(
            *(
                gateway.client.post(f"/sessions/{session}/resume")
                for gateway, session in ((one, first), (other, second))
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def suspend(gateway: Gateway, session_id: str) -> None:
    assert (await gateway.client.post(f"/sessions/{session_id}/suspend")).is_success


async def test_the_end_and_deletion_of_a_session_free_its_place(
    redis_server: RedisServer, home: Path, database_url: str
) -> None:
    settings = with_quotas(home, redis_server, database_url, sessions_running=1, sessions_created=2)
    async with running_gateway(settings) as gateway:
        first = await gateway.create()
        gateway.backend.stand(first, phase=Phase.SUCCEEDED)
        second = await gateway.create()
        third = await gateway.client.post("/sessions", json=BODY)
        assert third.json()["details"]["quota"] == "sessionsCreated"
        for session_id in (first, second):
            assert (await gateway.client.delete(f"/sessions/{session_id}")).is_success
        await gateway.create()


async def test_an_admin_sets_a_quota_and_everybody_reads_theirs(
    redis_server: RedisServer, home: Path, database_url: str
) -> None:
    settings = with_quotas(home, redis_server, database_url, sessions_created=5)
    async with running_gateway(settings) as gateway:
        await gateway.create()
        assert (await gateway.client.get("/quotas")).json() == {
            "userId": "local",
            "sessionsRunning": {"limit": None, "used": 1},
            "sessionsCreated": {"limit": 5, "used": 1},
        }
        answer = await gateway.client.patch("/quotas/local", json={"sessionsCreated": 1})
        assert answer.json()["sessionsCreated"] == {"limit": 1, "used": 1}
        assert (await gateway.client.post("/sessions", json=BODY)).status_code == 409
        answer = await gateway.client.patch("/quotas/local", json={"sessionsCreated": None})
        assert answer.json()["sessionsCreated"] == {"limit": 5, "used": 1}
        await gateway.create()
        assert (await gateway.client.get("/quotas/ada")).json()["sessionsRunning"]["used"] == 0
        bad = await gateway.client.patch("/quotas/ada", json={"sessionsCreated": -1})
        assert bad.status_code == 400


async def test_a_replay_does_not_count(
    redis_server: RedisServer, home: Path, database_url: str
) -> None:
    settings = with_quotas(home, redis_server, database_url, sessions_created=1)
    async with running_gateway(settings) as gateway:
        headers = {"Idempotency-Key": "key"}
        answers = [
            await gateway.client.post("/sessions", json=BODY, headers=headers) for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [201, 201]
