"""Messages that come at one moment: written in few transactions, each as if it were alone."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

from moorage_api.inbox import Prompt
from moorage_gateway import outbox
from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record_of
from moorage_gateway.auth.access import id_of
from moorage_gateway.db.tables import audit_records, inputs, messages
from moorage_gateway.messages.repository import NewMessage
from moorage_gateway.messages.writing import Writing
from moorage_gateway.sessions.creation import row_for
from moorage_gateway.settings import Settings
from moorage_testing.gateway import Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def settings(home: Path, redis_server: RedisServer, database_url: str) -> Settings:
    return settings_for(home, redis_server.url, database_url=database_url)


def writing(gateway: Gateway, session_id: str, message_id: str, content: str = "Hi") -> Writing:
    session = gateway.backend.get(session_id)
    prompt = Prompt(input_id=message_id, content=content)
    return Writing(
        NewMessage(session_id, message_id, content, None, NOW),
        replace(row_for(session, NOW), last_accessed_at=NOW),
        outbox.row_of(id_of(session), prompt, NOW),
        record_of(NOW, Act(Action.MESSAGE_SEND, message_id, session_id=session_id)),
    )


async def counts(gateway: Gateway) -> list[int]:
    """Return how many messages, inputs and records of them there are."""
    sent = audit_records.c.action == Action.MESSAGE_SEND.value
    questions = [
        select(func.count()).select_from(messages),
        select(func.count()).select_from(inputs),
        select(func.count()).select_from(audit_records).where(sent),
    ]
    async with gateway.context.engine.connect() as connection:
        return [int(await connection.scalar(each) or 0) for each in questions]


async def test_many_at_one_moment_take_few_transactions(settings: Settings) -> None:
    async with running_gateway(settings) as gateway:
        sessions = [await gateway.create() for _ in range(4)]
        commits: list[Any] = []
        event.listen(gateway.context.engine.sync_engine, "commit", commits.append)
        said = await asyncio.gather(
            *(gateway.say(sessions[number % 4], f"m{number}") for number in range(24))
        )
        assert len(commits) < 12, "without it there were more than 24"
        assert len({each["id"] for each in said}) == 24
        assert await counts(gateway) == [24, 24, 24]
        for place, session_id in enumerate(sessions):
            contents = {f"m{number}" for number in range(24) if number % 4 == place}
            taken = await gateway.inbox(session_id)
            assert {getattr(value, "content", "") for value in taken} == contents
            assert len(taken) == len(contents)


async def test_one_that_cannot_be_written_harms_no_other(settings: Settings) -> None:
    async with running_gateway(settings) as gateway:
        session_id = await gateway.create()
        good = [writing(gateway, session_id, f"m{number}") for number in range(5)]
        missing: Any = None  # the database takes no message without content
        bad = replace(good[0], message=replace(good[0].message, id="bad", content=missing))
        written = await asyncio.gather(
            *map(gateway.context.messages.write, [*good[:3], bad, *good[3:]]),
            return_exceptions=True,
        )
        assert [type(each) for each in written] == [type(None)] * 3 + [IntegrityError] + [
            type(None)
        ] * 2
        assert await counts(gateway) == [5, 5, 5]


async def test_of_the_same_session_the_last_use_stands(settings: Settings) -> None:
    async with running_gateway(settings) as gateway:
        session_id = await gateway.create()
        one = writing(gateway, session_id, "one")
        later = NOW + timedelta(days=400)
        other = writing(gateway, session_id, "other")
        other = replace(other, session=replace(other.session, last_accessed_at=later))
        await asyncio.gather(*map(gateway.context.messages.write, (other, one)))
        answer = (await gateway.client.get(f"/sessions/{session_id}")).json()
        assert datetime.fromisoformat(answer["lastAccessedAt"]) == later
