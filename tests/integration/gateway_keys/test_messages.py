"""One key, one message: at several replicas at once, and for as long as the key stands."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from moorage_api.resources import Phase
from moorage_gateway.settings import Settings
from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer


@pytest.fixture
def settings(home: Path, redis_server: RedisServer, database_url: str) -> Settings:
    return settings_for(home, redis_server.url, database_url=database_url)


async def send(gateway: Gateway, session_id: str, content: str = "Hi") -> httpx2.Response:
    return await gateway.client.post(
        f"/sessions/{session_id}/messages",
        json={"content": content},
        headers={"Idempotency-Key": "key-1"},
    )


async def test_the_same_key_at_two_replicas_at_once_is_one_message(settings: Settings) -> None:
    backend = MemoryBackend()
    async with running_gateway(settings, backend) as one, running_gateway(settings, backend) as two:
        session_id = await one.create()
        answers = await asyncio.gather(
            *(send(replica, session_id) for replica in (one, two) for _ in range(6))
        )
        assert {answer.status_code for answer in answers} == {201}
        assert len({str(answer.json()["message"]) for answer in answers}) == 1
        assert len({value.input_id for value in await two.inbox(session_id)}) == 1
        read = (await two.client.get(f"/sessions/{session_id}/messages")).json()
        assert [message["content"] for message in read["messages"]] == ["Hi"]
        other = await send(two, session_id, "another")
        assert (other.status_code, other.json()["code"]) == (409, "CONFLICT")
        elsewhere = await send(two, await two.create())  # a key stands in one session
        assert elsewhere.status_code == httpx2.codes.CREATED


async def test_a_restart_keeps_keys_and_time_ends_them(settings: Settings) -> None:
    backend, moment = MemoryBackend(), datetime.now(UTC)
    async with running_gateway(settings, backend) as gateway:
        session_id = await gateway.create()
        first = (await send(gateway, session_id)).json()["message"]["id"]
    async with running_gateway(settings, backend) as gateway:
        assert (await send(gateway, session_id)).json()["message"]["id"] == first
    later = moment + timedelta(hours=25)
    async with running_gateway(settings, backend, lambda: later) as gateway:
        second = (await send(gateway, session_id, "another")).json()["message"]["id"]
        assert second != first


async def test_a_finished_session_still_answers_the_same_request(settings: Settings) -> None:
    async with running_gateway(settings) as gateway:
        session_id = await gateway.create()
        first = (await send(gateway, session_id)).json()["message"]
        gateway.backend.stand(session_id, phase=Phase.SUCCEEDED)
        assert (await send(gateway, session_id)).json()["message"] == first
