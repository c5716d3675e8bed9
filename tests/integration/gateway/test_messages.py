"""Messages over HTTP: taken once, kept whatever fails, read back nested."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from moorage_api.inbox import Prompt
from moorage_api.resources import Phase
from moorage_api.resources.parts import MAX_PROMPT
from moorage_gateway.db.tables import audit_records, inputs, messages, turns
from moorage_testing.gateway import Gateway
from moorage_testing.redis import RedisServer


async def send(gateway: Gateway, session_id: str, body: Any, key: str | None = None) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await gateway.client.post(f"/sessions/{session_id}/messages", json=body, headers=headers)


async def test_a_message_has_the_clients_shape_and_reaches_the_inbox(gateway: Gateway) -> None:
    session_id = await gateway.create()
    answer = await send(gateway, session_id, {"content": "Hi", "allowedTools": ["Read"]})
    assert answer.status_code == 201
    message = answer.json()["message"]
    expected_fields = "id sessionId role content timestamp claudeSessionId"
    assert message.keys() == set(expected_fields.split())
    assert (message["sessionId"], message["role"], message["content"]) == (session_id, "user", "Hi")
    assert answer.json()["waking"] is False
    expected = Prompt(input_id=message["id"], content="Hi", allowed_tools=["Read"])
    assert await gateway.inbox(session_id) == [expected]
    session = (await gateway.client.get(f"/sessions/{session_id}")).json()
    assert (session["isWorking"], session["currentJobId"]) == (True, message["id"])


@pytest.mark.parametrize("place", ["header", "body"])
async def test_the_same_key_is_one_message(gateway: Gateway, place: str) -> None:
    session_id = await gateway.create()
    body = {"content": "Hi"} | ({"id": "key-1"} if place == "body" else {})
    key = "key-1" if place == "header" else None
    answers = await asyncio.gather(*(send(gateway, session_id, body, key) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(await gateway.inbox(session_id)) == 1
    other = await send(gateway, session_id, body | {"content": "Other"}, key)
    assert (other.status_code, other.json()["code"]) == (409, "CONFLICT")
    tools = await send(gateway, session_id, body | {"allowedTools": ["Bash"]}, key)
    assert tools.status_code == 409


async def test_the_same_key_in_another_session_is_another_message(gateway: Gateway) -> None:
    ids = [await gateway.create(), await gateway.create()]
    sent = [(await send(gateway, each, {"content": "Hi"}, "key")).json() for each in ids]
    assert sent[0]["message"]["id"] != sent[1]["message"]["id"]


async def test_a_message_sent_without_redis_is_delivered_later(
    gateway: Gateway, redis_server: RedisServer
) -> None:
    session_id = await gateway.create()
    redis_server.stop()
    message = await gateway.say(session_id, "kept")
    history = (await gateway.client.get(f"/sessions/{session_id}/messages")).json()
    assert [each["id"] for each in history["messages"]] == [message["id"]]
    redis_server.start()
    await gateway.context.relay.flush(session_id)
    assert [each.input_id for each in await gateway.inbox(session_id)] == [message["id"]]


async def test_a_message_wakes_a_suspended_session(gateway: Gateway) -> None:
    session_id = await gateway.create()
    await gateway.client.post(f"/sessions/{session_id}/suspend")
    answer = await send(gateway, session_id, {"content": "Up"})
    assert (answer.status_code, answer.json()["waking"]) == (201, True)
    assert gateway.backend.calls[-1] == ("resume", session_id)


async def test_a_session_that_is_being_woken_is_not_woken_again(gateway: Gateway) -> None:
    session_id = await gateway.create()
    await gateway.client.post(f"/sessions/{session_id}/suspend")
    gateway.backend.stand(session_id, phase=Phase.SUSPENDED)
    first = await send(gateway, session_id, {"content": "Up"})
    gateway.backend.away = True
    second = await send(gateway, session_id, {"content": "And on"})
    assert [(each.status_code, each.json()["waking"]) for each in (first, second)] == [
        (201, True)
    ] * 2
    assert [call for call, _ in gateway.backend.calls] == ["create", "suspend", "resume"]
    async with gateway.context.engine.connect() as connection:
        asked = select(audit_records).where(audit_records.c.action == "session.resume")
        assert len((await connection.execute(asked)).all()) == 1


async def test_a_message_that_could_not_wake_the_session_is_not_taken(gateway: Gateway) -> None:
    session_id = await gateway.create()
    await gateway.client.post(f"/sessions/{session_id}/suspend")
    gateway.backend.away = True
    answer = await send(gateway, session_id, {"content": "Up"})
    assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
    history = (await gateway.client.get(f"/sessions/{session_id}/messages")).json()
    assert history["messages"] == []


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED])
async def test_a_session_that_ended_takes_no_message(gateway: Gateway, phase: Phase) -> None:
    session_id = await gateway.create()
    gateway.backend.stand(session_id, phase=phase)
    answer = await send(gateway, session_id, {"content": "Hi"})
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert "create another" in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"content": ""}, 400, "content"),
        ({}, 400, "content"),
        ({"content": None}, 400, "content"),
        ({"content": "a\0b"}, 400, "body"),
        ({"content": "x", "allowedTools": "Bash"}, 400, "allowedTools"),
        ({"content": "x", "nonsense": 1}, 400, "nonsense"),
        ({"content": "x", "id": "no spaces"}, 400, "id"),
        ({"content": "x" * (MAX_PROMPT + 1)}, 413, None),
    ],
)
async def test_bad_messages_are_refused(
    gateway: Gateway, body: dict[str, object], status: int, path: str | None
) -> None:
    session_id = await gateway.create()
    answer = await send(gateway, session_id, body)
    assert answer.status_code == status, answer.text
    if path is not None:
        assert [mistake["path"] for mistake in answer.json()["details"]] == [path]
    assert await gateway.inbox(session_id) == []


async def test_half_a_surrogate_pair_is_refused(gateway: Gateway) -> None:
    session_id = await gateway.create()
    answer = await gateway.client.post(
        f"/sessions/{session_id}/messages",
        content=b'{"content": "\\ud800"}',
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


async def test_the_longest_message_is_taken(gateway: Gateway) -> None:
    session_id = await gateway.create()
    assert (await send(gateway, session_id, {"content": "ä" * MAX_PROMPT})).status_code == 201


async def record(gateway: Gateway, session_id: str, turn: str, **values: Any) -> None:
    """Write an assistant's message down, as the recorder does."""
    row = {
        "session_id": session_id, "turn_id": turn, "role": "assistant", "content": "",
        "created_at": datetime.now(UTC),
    } | values  # fmt: skip
    async with gateway.context.engine.begin() as connection:
        await connection.execute(insert(messages).values(**row))


async def test_history_is_nested_with_tools_thinking_and_subagents(gateway: Gateway) -> None:
    session_id = await gateway.create()
    first = (await gateway.say(session_id, "one"))["id"]
    second = (await gateway.say(session_id, "two"))["id"]
    call = {"id": "toolu_1", "name": "Bash", "input": {"command": "ls"}}
    result = {"tool_use_id": "toolu_1", "content": "a\nb", "is_error": False}
    await record(
        gateway, session_id, first, id=f"{first}-1", thinking="hm", tool_calls=[call],
        tool_results=[result],
    )  # fmt: skip
    await record(gateway, session_id, first, id=f"{first}-2", parent_tool_use_id="toolu_1")
    await record(gateway, session_id, first, id=f"{first}-3", content="Done.")
    async with gateway.context.engine.begin() as connection:
        await connection.execute(
            insert(turns).values(
                session_id=session_id,
                turn_id=first,
                outcome="completed",
                input_tokens=1,
                output_tokens=1,
                cost_usd=0.1,
                duration_ms=5,
                ended_at=datetime.now(UTC),
            )
        )
        await connection.execute(update(inputs).values(done_at=datetime.now(UTC)))

    body = (await gateway.client.get(f"/sessions/{session_id}/messages/")).json()
    assert [message["id"] for message in body["messages"]] == [first, second]
    children = body["messages"][0]["children"]
    assert [child["id"] for child in children] == [f"{first}-{n}" for n in (1, 2, 3)]
    assert children[0]["toolCalls"] == [call]
    assert children[0]["toolResults"] == [result]
    assert children[0]["thinking"] == "hm"
    assert children[1]["parentToolUseId"] == "toolu_1"
    assert children[2]["content"] == "Done."
    assert body["messages"][1]["children"] == []
    assert body["session"] == {
        "id": session_id, "isWorking": False, "currentJobId": None,
        "lastJobStatus": "completed", "status": "active",
    }  # fmt: skip


async def test_history_is_paged(gateway: Gateway) -> None:
    session_id = await gateway.create()
    ids = [(await gateway.say(session_id, f"message {n}"))["id"] for n in range(5)]

    async def page(**query: str | int) -> tuple[list[str], bool]:
        answer = await gateway.client.get(f"/sessions/{session_id}/messages", params=query)
        body = answer.json()
        return [message["id"] for message in body["messages"]], body["hasMore"]

    assert await page(limit=2) == (ids[:2], True)
    assert await page(limit=3, after=ids[1]) == (ids[2:], False)
    assert await page(after=ids[4]) == ([], False)
    for query in ("limit=0", "limit=1001", "limit=x", "after=nowhere", "nonsense=1"):
        answer = await gateway.client.get(f"/sessions/{session_id}/messages?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR"), query


async def test_a_character_that_no_text_in_sql_can_hold_is_no_messages_id(
    gateway: Gateway,
) -> None:
    session_id = await gateway.create()
    answer = await gateway.client.get(f"/sessions/{session_id}/messages", params={"after": "\0"})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


async def test_a_message_is_answered_after_one_commit(gateway: Gateway) -> None:
    """Each is a journey to the disk, and with SQLite one writer at a time makes it."""
    session_id = await gateway.create()
    commits: list[object] = []

    def count(connection: object) -> None:
        commits.append(connection)

    event.listen(gateway.context.engine.sync_engine, "commit", count)
    await gateway.say(session_id)
    assert len(commits) == 1
    assert len(await gateway.inbox(session_id)) == 1
    event.remove(gateway.context.engine.sync_engine, "commit", count)
