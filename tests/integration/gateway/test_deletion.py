"""A session is deleted while somebody answers what it asks: neither waits for ever."""

import asyncio

import httpx2
import pytest
from sqlalchemy import select

from moorage_gateway.approvals.repository import ApprovalRepository, ApprovalRow
from moorage_gateway.db.tables import approvals
from moorage_testing.gateway import Gateway
from moorage_testing.live import LIMIT
from moorage_testing.locks import looking_at_locks

from .test_approvals import asked, decide, session_that_asks


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """Only PostgreSQL has locks of rows."""
    return postgres_url


async def test_a_deletion_waits_for_a_decision(gateway: Gateway) -> None:
    session_id = await session_that_asks(gateway)
    engine = gateway.context.engine
    async with engine.begin() as recorder:
        await ApprovalRepository(recorder).add(ApprovalRow.of(session_id, asked()))
    async with looking_at_locks(engine) as locks, engine.connect() as holding:
        await holding.execute(select(approvals).with_for_update())
        decision = asyncio.create_task(decide(gateway, session_id, {"decision": "allow"}))
        await locks.until_waiting(1)
        deletion = asyncio.create_task(gateway.client.delete(f"/sessions/{session_id}"))
        await locks.until_waiting(2)
        await holding.rollback()
        async with asyncio.timeout(LIMIT):
            answers = await asyncio.gather(decision, deletion)
    assert [answer.status_code for answer in answers] == [httpx2.codes.OK, httpx2.codes.OK]
