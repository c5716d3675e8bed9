"""What is read while a session is being created is not given again once it is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.interface import BackendUnavailable, NewSession
from moorage_gateway.sessions.adoption import Adoption
from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer

from .conftest import Replicas

BODY = {"projectPath": REPOSITORY, "context": {"a": 1}, "metadata": {"b": 2}}


class Slow(MemoryBackend):
    """Sessions are there for all to see before who creates them is told."""

    def __init__(self) -> None:
        super().__init__()
        self.there = asyncio.Event()
        self.told = asyncio.Event()
        self.answers = True

    async def create(self, new: NewSession) -> ClaudeSession:
        session = await super().create(new)
        self.there.set()
        await self.told.wait()
        if not self.answers:
            raise BackendUnavailable
        return session


@pytest.fixture
def backend() -> Slow:
    return Slow()


@pytest.fixture
async def replicas(
    redis_server: RedisServer, home: Path, database_url: str, backend: Slow
) -> AsyncIterator[Replicas]:
    """Two without tasks in the background: the tests do their work."""
    recorder = {"enabled": False}
    settings = settings_for(home, redis_server.url, database_url=database_url, recorder=recorder)
    async with (
        running_gateway(settings, backend) as one,
        running_gateway(settings, backend) as other,
    ):
        yield Replicas(one, other)


async def shown(gateway: Gateway) -> dict[str, Any]:
    answer = await gateway.client.get("/sessions")
    assert answer.status_code == httpx2.codes.OK, answer.text
    (session,) = answer.json()["sessions"]
    return {name: session[name] for name in BODY}


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "key"}], ids=["", "with a key"])
async def test_what_was_read_too_early_is_made_again(
    replicas: Replicas, backend: Slow, headers: dict[str, str]
) -> None:
    posted = asyncio.create_task(replicas.one.client.post("/sessions", json=BODY, headers=headers))
    await backend.there.wait()
    early = [await shown(each) for each in (replicas.one, replicas.other)]
    backend.told.set()
    assert (await posted).status_code == httpx2.codes.CREATED
    assert [await shown(each) for each in (replicas.one, replicas.other)] == [BODY, BODY]
    assert early == [BODY | {"context": None, "metadata": None}] * 2


async def test_also_where_its_row_is_found_later(replicas: Replicas, backend: Slow) -> None:
    backend.answers = False
    backend.told.set()
    answer = await replicas.one.client.post("/sessions", json=BODY)
    assert answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE
    assert [(await shown(each))["context"] for each in (replicas.one, replicas.other)] == [None] * 2
    await Adoption(replicas.one.context.changes, backend).once()
    assert [await shown(each) for each in (replicas.one, replicas.other)] == [BODY, BODY]
