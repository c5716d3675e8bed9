"""A session's row is there before there is a resource: the two find each other, or none stays."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.interface import BackendUnavailable, NewSession
from moorage_gateway.db.tables import sessions
from moorage_gateway.sessions.adoption import Adoption
from moorage_gateway.sessions.creation import row_for
from moorage_gateway.sessions.repository import SessionRepository
from moorage_gateway.settings import Settings
from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer

BODY = {"projectPath": REPOSITORY, "context": {"kept": True}}


@pytest.fixture
def settings(home: Path, redis_server: RedisServer, database_url: str) -> Settings:
    """Without the tasks in the background: tests do their work when they like."""
    recorder = {"enabled": False}
    return settings_for(home, redis_server.url, database_url=database_url, recorder=recorder)


class Losing(MemoryBackend):
    """Creates a session and loses the answer; or does neither, and knows it or not."""

    def __init__(self, *, done: bool, undone: bool = False) -> None:
        super().__init__()
        self._done = done
        self._undone = undone
        self.asked: list[NewSession] = []

    async def create(self, new: NewSession) -> ClaudeSession:
        self.asked.append(new)
        if self._done:
            await super().create(new)
        raise BackendUnavailable(undone=self._undone)


async def rows(gateway: Gateway) -> list[Any]:
    async with gateway.context.engine.connect() as connection:
        return list(await connection.execute(select(sessions)))


def adoption(gateway: Gateway) -> Adoption:
    return Adoption(gateway.context.changes, gateway.backend)


async def test_a_row_is_its_sessions_once_it_is_made(settings: Settings) -> None:
    async with running_gateway(settings) as gateway:
        answer = await gateway.client.post("/sessions", json=BODY)
        (row,) = await rows(gateway)
        assert row.id == answer.json()["id"] != row.creation_id
        assert list(gateway.backend.sessions) == [row.id]


async def test_an_answer_that_got_lost_is_made_up_for(settings: Settings) -> None:
    backend = Losing(done=True)
    async with running_gateway(settings, backend) as gateway:
        answer = await gateway.client.post("/sessions", json=BODY)
        assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
        (session_id,) = backend.sessions
        (unmade,) = await rows(gateway)
        assert unmade.id == unmade.creation_id != session_id
        await adoption(gateway).once()
        (row,) = await rows(gateway)
        assert (row.id, row.context) == (session_id, {"kept": True})
        shown = await gateway.client.get(f"/sessions/{session_id}")
        assert shown.json()["context"] == {"kept": True}
        await adoption(gateway).once()
        assert len(await rows(gateway)) == 1


async def test_what_was_surely_not_made_leaves_no_row(settings: Settings) -> None:
    async with running_gateway(settings, Losing(done=False, undone=True)) as gateway:
        assert (await gateway.client.post("/sessions", json=BODY)).status_code == 503
        assert await rows(gateway) == []


async def test_a_row_whose_session_has_not_come_waits(settings: Settings) -> None:
    async with running_gateway(settings, Losing(done=False)) as gateway:
        assert (await gateway.client.post("/sessions", json=BODY)).status_code == 503
        await adoption(gateway).once()
        assert len(await rows(gateway)) == 1


async def test_a_row_written_when_the_session_was_noticed_becomes_one_with_it(
    settings: Settings,
) -> None:
    backend = Losing(done=True)
    async with running_gateway(settings, backend) as gateway:
        await gateway.client.post("/sessions", json=BODY)
        (session,) = backend.sessions.values()
        async with gateway.context.engine.begin() as connection:
            await SessionRepository(connection).add(row_for(session, datetime.now(UTC)))
        await adoption(gateway).once()
        (row,) = await rows(gateway)
        assert (row.id, row.context) == (session.metadata.uid, {"kept": True})


@pytest.mark.parametrize("forged", [{"owner": "mallory"}, {"name": "another"}])
async def test_who_only_says_so_gets_no_row(settings: Settings, forged: dict[str, str]) -> None:
    backend = Losing(done=False)
    async with running_gateway(settings, backend) as gateway:
        await gateway.client.post("/sessions", json=BODY)
        (new,) = backend.asked
        spec = new.spec.model_copy(update={"owner": forged.get("owner", new.spec.owner)})
        name = forged.get("name", new.name)
        backend.place(NewSession(new.creation_id, name, spec, {}), "uid-of-a-forgery")
        await adoption(gateway).once()
        (row,) = await rows(gateway)
        assert row.id == row.creation_id == new.creation_id


async def test_who_names_anothers_creation_gets_nothing_of_it(settings: Settings) -> None:
    async with running_gateway(settings) as gateway:
        session_id = await gateway.create(**BODY)
        session = gateway.backend.sessions[session_id]
        (row,) = await rows(gateway)
        copy = NewSession(row.creation_id, row.name, session.spec, {})
        gateway.backend.place(copy, "uid-of-a-forgery")
        await adoption(gateway).once()
        assert [each.id for each in await rows(gateway)] == [session_id]


async def test_a_session_that_is_deleted_before_it_was_adopted_leaves_no_row(
    settings: Settings,
) -> None:
    backend = Losing(done=True)
    async with running_gateway(settings, backend) as gateway:
        await gateway.client.post("/sessions", json=BODY, headers={"Idempotency-Key": "key"})
        (session_id,) = backend.sessions
        assert (await gateway.client.delete(f"/sessions/{session_id}")).is_success
        assert await rows(gateway) == []
        again = await gateway.client.post(
            "/sessions", json=BODY, headers={"Idempotency-Key": "key"}
        )
        assert (again.status_code, again.json()["details"]["deleted"]) == (409, True)
        assert len(backend.asked) == 1


async def test_a_session_counts_once_while_its_row_waits(
    home: Path, redis_server: RedisServer, database_url: str
) -> None:
    settings = settings_for(
        home,
        redis_server.url,
        database_url=database_url,
        recorder={"enabled": False},
        quotas={"sessions_created": 9, "sessions_running": 9},
    )
    async with running_gateway(settings, Losing(done=True)) as gateway:
        await gateway.client.post("/sessions", json=BODY)
        used = (await gateway.client.get("/quotas")).json()
        assert (used["sessionsCreated"]["used"], used["sessionsRunning"]["used"]) == (1, 1)


async def test_a_key_finds_the_session_that_was_adopted_since(settings: Settings) -> None:
    backend = Losing(done=True)
    headers = {"Idempotency-Key": "key"}
    async with running_gateway(settings, backend) as gateway:
        first = await gateway.client.post("/sessions", json=BODY, headers=headers)
        assert first.status_code == 503
        await adoption(gateway).once()
        again = await gateway.client.post("/sessions", json=BODY, headers=headers)
        assert (again.status_code, [again.json()["id"]]) == (201, list(backend.sessions))
        assert len(backend.asked) == 1
