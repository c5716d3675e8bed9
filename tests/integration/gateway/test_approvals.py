"""Approvals over HTTP: the first decision stands, and survives whatever happens around it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from moorage_api.events import PermissionRequest
from moorage_api.inbox import PermissionDecision
from moorage_api.keys import SessionKeys
from moorage_api.resources import Phase
from moorage_gateway.approvals.repository import ApprovalRepository, ApprovalRow
from moorage_gateway.db.tables import approvals
from moorage_testing.gateway import Gateway
from moorage_testing.redis import RedisServer

EMPTY = {"approvals": [], "total": 0, "limit": 50, "offset": 0, "hasMore": False}


def asked(approval_id: str = "approval-1", **changes: Any) -> PermissionRequest:
    values: dict[str, Any] = {
        "approval_id": approval_id,
        "turn_id": "turn-1",
        "tool": "Write",
        "input": {"file_path": "a.txt"},
        "summary": "Write a.txt",
        "diff": "+a",
        "requested_at": datetime.now(UTC),
        "expires_at": datetime.now(UTC) + timedelta(days=7),
    }
    return PermissionRequest(**(values | changes))


async def session_that_asks(gateway: Gateway, **changes: Any) -> str:
    session_id = await gateway.create()
    await gateway.live(session_id, pending_approvals=[asked(**changes)])
    return session_id


async def decide(gateway: Gateway, session_id: str, body: Any, name: str = "approval-1") -> Any:
    return await gateway.client.post(f"/sessions/{session_id}/approvals/{name}", json=body)


async def test_what_a_session_asks_is_listed_at_once(gateway: Gateway) -> None:
    session_id = await session_that_asks(gateway)
    quiet = await gateway.create()
    for path in (f"/sessions/{session_id}/approvals", "/approvals?state=pending", "/approvals"):
        body = (await gateway.client.get(path)).json()
        assert body["total"] == 1, path
        (approval,) = body["approvals"]
        assert (approval["id"], approval["sessionId"]) == ("approval-1", session_id)
        assert (approval["state"], approval["tool"]) == ("pending", "Write")
        assert (approval["summary"], approval["diff"]) == ("Write a.txt", "+a")
        assert approval["expiresAt"].endswith("Z")
    for path in (f"/sessions/{quiet}/approvals", "/approvals?state=resolved"):
        assert (await gateway.client.get(path)).json() == EMPTY


AT = datetime(2026, 1, 1, tzinfo=UTC)


async def ask_often(gateway: Gateway, session_id: str, count: int, **changes: Any) -> list[str]:
    """Have it recorded that a session asked, once a minute; return the ids, newest first."""
    requests = [
        asked(f"approval-{number}", requested_at=AT + timedelta(minutes=number), **changes)
        for number in range(count)
    ]
    async with gateway.context.engine.begin() as connection:
        for request in requests:
            await ApprovalRepository(connection).add(ApprovalRow.of(session_id, request))
    return [request.approval_id for request in reversed(requests)]


async def pages(gateway: Gateway, path: str, **query: Any) -> AsyncIterator[Any]:
    """Yield one page after the other, to the last."""
    offset, more = 0, True
    while more:
        answer = await gateway.client.get(path, params=query | {"offset": offset})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["offset"] == offset
        yield page
        offset, more = offset + len(page["approvals"]), page["hasMore"]


async def test_many_are_read_page_by_page(gateway: Gateway) -> None:
    one, other = await gateway.create(), await gateway.create()
    expected = await ask_often(gateway, one, 130)
    path = f"/sessions/{one}/approvals"
    found = [page async for page in pages(gateway, path)]
    assert [len(page["approvals"]) for page in found] == [50, 50, 30]
    assert {page["total"] for page in found} == {130}
    assert [each["id"] for page in found for each in page["approvals"]] == expected
    await ask_often(gateway, other, 3)
    found = [page async for page in pages(gateway, "/approvals", limit=100, state="pending")]
    assert [len(page["approvals"]) for page in found] == [100, 33]
    assert len({(a["sessionId"], a["id"]) for page in found for a in page["approvals"]}) == 133
    assert (await gateway.client.get("/approvals?state=resolved")).json() == EMPTY


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_what_is_not_recorded_yet_is_in_its_place(gateway: Gateway, limit: int) -> None:
    session_id = await gateway.create()
    recorded = await ask_often(gateway, session_id, 5)
    moments = [AT, AT + timedelta(minutes=2), AT + timedelta(minutes=2.5), AT + timedelta(days=1)]
    unrecorded = [asked(f"new-{n}", requested_at=at) for n, at in enumerate(moments)]
    await gateway.live(session_id, pending_approvals=[*unrecorded, asked(recorded[0])])
    path = f"/sessions/{session_id}/approvals"
    found = [page async for page in pages(gateway, path, limit=limit)]
    assert {page["total"] for page in found} == {9}
    assert [each["id"] for page in found for each in page["approvals"]] == [
        *("new-3", "approval-4", "approval-3", "new-2", "approval-2", "new-1"),
        *("approval-1", "approval-0", "new-0"),
    ]


async def test_a_page_holds_only_so_much(gateway: Gateway) -> None:
    session_id = await gateway.create()
    expected = await ask_often(gateway, session_id, 12, diff="+" * 1_000_000)
    path = f"/sessions/{session_id}/approvals"
    found = [page async for page in pages(gateway, path)]
    assert [len(page["approvals"]) for page in found] == [4, 4, 4]
    assert [each["id"] for page in found for each in page["approvals"]] == expected


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "offset=-1", "state=open", "after=x"])
async def test_a_page_that_cannot_be_is_refused(gateway: Gateway, query: str) -> None:
    answer = await gateway.client.get(f"/approvals?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert answer.json()["details"][0]["path"] == query.partition("=")[0]


async def test_a_decision_is_sent_once_and_the_first_one_stands(gateway: Gateway) -> None:
    session_id = await session_that_asks(gateway)
    body = {"decision": "allow", "updatedInput": {"file_path": "b.txt"}, "scope": "session"}
    first = await decide(gateway, session_id, body)
    assert first.status_code == 200, first.text
    assert (first.json()["decision"], first.json()["decidedBy"]) == ("allow", "local")
    assert first.json()["state"] == "resolved"
    assert (await decide(gateway, session_id, body)).json() == first.json()
    for other in ({"decision": "deny"}, {"decision": "allow"}, body | {"updatedInput": None}):
        refused = await decide(gateway, session_id, other)
        assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
        assert refused.json()["details"]["decision"] == "allow"
        assert refused.json()["details"]["decidedBy"] == "local"
    assert await gateway.inbox(session_id) == [
        PermissionDecision(
            input_id="approval-1:decision",
            approval_id="approval-1",
            decision="allow",
            updated_input={"file_path": "b.txt"},
            scope="session",
        )
    ]
    pending = (await gateway.client.get("/approvals?state=pending")).json()
    assert pending["total"] == 0  # although the runner has not taken it yet


async def test_of_many_decisions_at_once_exactly_one_stands(gateway: Gateway) -> None:
    session_id = await session_that_asks(gateway)
    answers = await asyncio.gather(
        *(decide(gateway, session_id, {"decision": decision}) for decision in ("allow", "deny") * 6)
    )
    standing = (await gateway.inbox(session_id))[0]
    assert isinstance(standing, PermissionDecision)
    for number, answer in enumerate(answers):
        given = ("allow", "deny")[number % 2]
        assert answer.status_code == (200 if given == standing.decision else 409)
    assert len(await gateway.inbox(session_id)) == 1


async def test_an_approval_survives_the_loss_of_redis(
    gateway: Gateway, redis_server: RedisServer
) -> None:
    session_id = await session_that_asks(gateway)
    body = {"decision": "deny", "message": "no"}
    assert (await decide(gateway, session_id, body)).status_code == 200
    redis_server.kill()
    assert (await decide(gateway, session_id, body)).status_code == 200
    assert (await decide(gateway, session_id, {"decision": "allow"})).status_code == 409
    listed = (await gateway.client.get(f"/sessions/{session_id}/approvals?state=resolved")).json()
    assert listed["approvals"][0]["message"] == "no"


async def test_an_expired_approval_is_refused(gateway: Gateway) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    session_id = await session_that_asks(gateway, expires_at=past)
    refused = await decide(gateway, session_id, {"decision": "allow"})
    assert (refused.status_code, refused.json()["details"]) == (409, {"outcome": "expired"})
    listed = (await gateway.client.get(f"/sessions/{session_id}/approvals")).json()
    assert listed["approvals"][0]["outcome"] == "expired"
    assert await gateway.inbox(session_id) == []


@pytest.mark.parametrize("outcome", ["expired", "cancelled"])
async def test_what_the_runner_gave_up_is_refused(gateway: Gateway, outcome: str) -> None:
    session_id = await session_that_asks(gateway)
    assert (await decide(gateway, session_id, {"decision": "allow"})).status_code == 200
    async with gateway.context.engine.begin() as connection:
        await connection.execute(
            update(approvals).values(outcome=outcome, resolved_at=datetime.now(UTC))
        )
    refused = await decide(gateway, session_id, {"decision": "allow"})
    assert (refused.status_code, refused.json()["details"]) == (409, {"outcome": outcome})


async def test_a_session_that_ended_waits_for_no_decision(gateway: Gateway) -> None:
    session_id = await session_that_asks(gateway)
    gateway.backend.stand(session_id, phase=Phase.FAILED)
    refused = await decide(gateway, session_id, {"decision": "allow"})
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert (await gateway.client.get("/approvals?state=pending")).json()["total"] == 0


async def test_a_decision_wakes_a_suspended_session(gateway: Gateway) -> None:
    session_id = await session_that_asks(gateway)
    await gateway.client.post(f"/sessions/{session_id}/suspend")
    assert (await decide(gateway, session_id, {"decision": "allow"})).status_code == 200
    assert gateway.backend.calls[-1] == ("resume", session_id)


async def test_a_decision_that_could_not_wake_the_session_does_when_it_is_made_again(
    gateway: Gateway,
) -> None:
    session_id = await session_that_asks(gateway)
    await gateway.client.post(f"/sessions/{session_id}/suspend")
    gateway.backend.away = True
    assert (await decide(gateway, session_id, {"decision": "allow"})).status_code == 503
    gateway.backend.away = False
    assert (await decide(gateway, session_id, {"decision": "allow"})).status_code == 200
    assert gateway.backend.calls[-1] == ("resume", session_id)


@pytest.mark.parametrize("name", ["approval-2", "a%20b", "x" * 300, "..%2Fx"])
async def test_an_unknown_approval_is_not_found(gateway: Gateway, name: str) -> None:
    session_id = await session_that_asks(gateway)
    answer = await decide(gateway, session_id, {"decision": "allow"}, name)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "decision"),
        ({"decision": "maybe"}, "decision"),
        ({"decision": "allow", "scope": "for ever"}, "scope"),
        ({"decision": "allow", "message": "x" * 5000}, "message"),
        ({"decision": "allow", "updatedInput": []}, "updatedInput"),
        ({"decision": "deny", "updatedInput": {}}, "body"),
        ({"decision": "allow", "nonsense": 1}, "nonsense"),
    ],
)
async def test_bad_decisions_are_refused(
    gateway: Gateway, body: dict[str, object], path: str
) -> None:
    session_id = await session_that_asks(gateway)
    answer = await decide(gateway, session_id, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert [mistake["path"] for mistake in answer.json()["details"]] == [path]


@pytest.mark.parametrize(
    "said",
    [
        b'"input": {"a": NaN}, "expiresAt": "2999-01-01T00:00:00Z"',
        b'"input": {}, "expiresAt": "0001-01-01T00:00:00+14:00"',
        b'"input": {}, "expiresAt": "9999-12-31T23:59:59-14:00"',
        b'"input": {"a": "\\ud800"}, "expiresAt": "2999-01-01T00:00:00Z"',
        b'"input": {"a": "\\u0000"}, "summary": "\\u0000", "expiresAt": "2999-01-01T00:00:00Z"',
        b'"input": {}, "turnId": "' + b"t" * 500 + b'", "expiresAt": "2999-01-01T00:00:00Z"',
    ],
)
async def test_whatever_a_runner_asks_can_be_told(gateway: Gateway, said: bytes) -> None:
    session_id = await gateway.create()
    request = (
        b'{"approvalId": "approval-1", "turnId": "t", "tool": "T", "summary": "s", '
        b'"requestedAt": "2026-01-01T00:00:00Z", ' + said + b"}"
    )
    state = b'{"phase": "Ready", "pendingApprovals": [' + request + b"]}"
    values: Any = {"state": state, "heartbeat": b"1"}
    await gateway.redis.hset(SessionKeys(session_id).state, mapping=values)
    for path in ("/approvals", f"/sessions/{session_id}"):
        assert (await gateway.client.get(path)).status_code == 200
    decided = await decide(gateway, session_id, {"decision": "deny"})
    assert decided.status_code in {200, 404}
    assert (await gateway.client.get("/approvals")).status_code == 200
