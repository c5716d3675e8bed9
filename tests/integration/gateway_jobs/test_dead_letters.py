"""Dead letters, over HTTP: what jobs and runners gave up, read, retried and deleted by an admin."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from moorage_api.inbox import Interrupt, Prompt, encode_input
from moorage_api.keys import SessionKeys
from moorage_api.resources import Phase
from moorage_gateway.dead_letters.collector import MOST_OF_A_SESSION, Collector
from moorage_gateway.dead_letters.ledger import JobLedger
from moorage_testing.accounts import Clock, accounts_settings, add_user, bearer
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway, settings_for
from moorage_testing.jobs import until
from moorage_testing.redis import RedisServer

PATH = "/admin/dead-letters"
JOB = "remove-what-is-over"


@pytest.fixture
async def gateway(
    redis_server: RedisServer, home: Path, database_url: str, clock: Clock
) -> AsyncIterator[Gateway]:
    settings = settings_for(home, redis_server.url, database_url=database_url)
    async with running_gateway(settings, clock=clock) as running:
        yield running


async def letters(gateway: Gateway, **query: Any) -> list[Any]:
    answer = await gateway.client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["deadLetters"]
    return found


async def retry(gateway: Gateway, letter: Any) -> httpx2.Response:
    return await gateway.client.post(f"{PATH}/{letter['id']}/retry")


async def give_up(gateway: Gateway, session_id: str, **fields: Any) -> None:
    """Write what a runner writes when it gives an input up."""
    entry: Any = fields
    await gateway.redis.xadd(SessionKeys(session_id).dead, entry)


async def collect(gateway: Gateway) -> int:
    context = gateway.context
    return await Collector(context.redis, context.engine, context.backend, context.clock).collect()


async def given_up(gateway: Gateway, content: str = "Build it", **fields: Any) -> tuple[str, Any]:
    """Have a session whose runner gave a message up; returns its id and the letter."""
    session_id = await gateway.create()
    message = await gateway.say(session_id, content, **fields)
    raw = encode_input(Prompt(input_id=message["id"], content="what the runner claims it was"))
    await give_up(gateway, session_id, input=raw, reason="ClaudeEnded")
    assert await collect(gateway) == 1
    (letter,) = await letters(gateway)
    return session_id, letter


async def test_a_job_that_was_given_up_is_listed_and_done_again(
    gateway: Gateway, clock: Clock
) -> None:
    ledger = JobLedger(gateway.context.engine, clock)
    await ledger.failed(JOB, "OperationalError", 6)
    first = clock.moment
    clock.turn(hours=1)
    await ledger.failed(JOB, "TimeoutError", 7)
    (letter,) = await letters(gateway)
    assert letter | {"id": "", "firstFailedAt": "", "lastFailedAt": ""} == {
        "id": "",
        "kind": "job",
        "name": JOB,
        "reason": "TimeoutError",
        "failures": 2,
        "attempts": 7,
        "sessionId": None,
        "inputId": None,
        "firstFailedAt": "",
        "lastFailedAt": "",
        "retriedAt": None,
    }
    assert letter["firstFailedAt"][:19] == first.isoformat()[:19]
    assert letter["firstFailedAt"] < letter["lastFailedAt"]
    assert (await retry(gateway, letter)).json() == {"success": True, "messageId": None}
    await until(lambda: gone(gateway, letter))


async def gone(gateway: Gateway, letter: Any) -> bool:
    return (await gateway.client.get(f"{PATH}/{letter['id']}")).status_code == 404


async def test_a_retry_is_noted_until_the_job_was_well(
    gateway: Gateway, redis_server: RedisServer, clock: Clock
) -> None:
    await JobLedger(gateway.context.engine, clock).failed("a job no more known", "X", 6)
    (letter,) = await letters(gateway)
    assert (await retry(gateway, letter)).is_success
    (letter,) = await letters(gateway)
    assert letter["retriedAt"] is not None
    redis_server.kill()
    answer = await retry(gateway, letter)
    assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")


async def test_a_message_that_was_given_up_is_sent_again(gateway: Gateway) -> None:
    session_id, letter = await given_up(gateway, allowedTools=["Bash(make:*)"])
    (first,) = await gateway.inbox(session_id)
    assert letter["reason"] == "ClaudeEnded"
    assert (letter["kind"], letter["name"]) == ("input", "prompt")
    assert (letter["sessionId"], letter["inputId"]) == (session_id, first.input_id)
    answer = (await retry(gateway, letter)).json()
    _, again = await gateway.inbox(session_id)
    # What the user sent, not what the runner claims; as a message of its own.
    assert again == first.model_copy(update={"input_id": answer["messageId"]})
    told = (await gateway.client.get(f"/sessions/{session_id}/messages")).json()["messages"]
    assert [message["content"] for message in told] == ["Build it", "Build it"]
    assert await letters(gateway) == []
    assert (await retry(gateway, letter)).status_code == 404


async def test_a_retry_that_was_cut_off_sends_nothing_twice(gateway: Gateway) -> None:
    session_id, letter = await given_up(gateway)
    key = {"Idempotency-Key": f"dead-letter:{letter['id']}"}
    path = f"/sessions/{session_id}/messages"
    sent = await gateway.client.post(path, json={"content": "Build it"}, headers=key)
    answer = (await retry(gateway, letter)).json()
    assert answer["messageId"] == sent.json()["message"]["id"]
    assert len(await gateway.inbox(session_id)) == 2


async def test_the_prompt_a_session_was_made_with_is_sent_again(gateway: Gateway) -> None:
    session_id = await gateway.create(projectPath=REPOSITORY, prompt="Begin")
    raw = encode_input(Prompt(input_id=f"{session_id}:prompt", content="Begin"))
    await give_up(gateway, session_id, input=raw, reason="ClaudeNotStarted")
    await collect(gateway)
    (letter,) = await letters(gateway)
    assert (await retry(gateway, letter)).is_success
    (sent,) = await gateway.inbox(session_id)
    assert isinstance(sent, Prompt)
    assert sent.content == "Begin"


async def test_it_is_collected_once_however_often_it_is_done(gateway: Gateway) -> None:
    session_id, letter = await given_up(gateway)
    assert await collect(gateway) == 0
    assert await gateway.redis.xlen(SessionKeys(session_id).dead) == 0
    raw = encode_input(Prompt(input_id=letter["inputId"], content="x"))
    await give_up(gateway, session_id, input=raw, reason="ClaudeEnded")
    await collect(gateway)
    (same,) = await letters(gateway)
    assert (same["id"], same["failures"]) == (letter["id"], 2)


@pytest.mark.parametrize(
    ("fields", "name", "reason"),
    [
        ({}, "unknown", "unknown"),
        ({"input": b"\x00\xff{", "reason": "<script>"}, "unknown", "unknown"),
        ({"input": b"{}", "reason": b"\xff"}, "unknown", "unknown"),
        ({"input": encode_input(Prompt(input_id="forged", content="x")), "reason": "A" * 101},
         "prompt", "unknown"),
        ({"input": encode_input(Interrupt(input_id="i-1")), "reason": "INPUT_INVALID"},
         "interrupt", "INPUT_INVALID"),
    ],
)  # fmt: skip
async def test_what_a_runner_claims_is_checked_and_never_sent(
    gateway: Gateway, fields: dict[str, Any], name: str, reason: str
) -> None:
    session_id = await gateway.create()
    await give_up(gateway, session_id, **(fields or {"nothing": "of use"}))
    await collect(gateway)
    (letter,) = await letters(gateway)
    assert (letter["name"], letter["reason"]) == (name, reason)
    answer = await retry(gateway, letter)
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert await gateway.inbox(session_id) == []
    assert (await gateway.client.delete(f"{PATH}/{letter['id']}")).json() == {"success": True}
    assert await letters(gateway) == []


async def test_an_interrupt_is_not_sent_again(gateway: Gateway) -> None:
    session_id = await gateway.create()
    assert (await gateway.client.post(f"/sessions/{session_id}/interrupt")).is_success
    (sent,) = await gateway.inbox(session_id)
    await give_up(gateway, session_id, input=encode_input(sent), reason="INPUT_INVALID")
    await collect(gateway)
    (letter,) = await letters(gateway)
    answer = await retry(gateway, letter)
    assert answer.status_code == 409
    assert "interrupt" in answer.json()["error"]


async def test_no_session_fills_the_list(gateway: Gateway) -> None:
    session_id, other = await gateway.create(), await gateway.create()
    for number in range(MOST_OF_A_SESSION + 30):
        await give_up(gateway, session_id, input=f"{number}", reason="x")
    await give_up(gateway, other, input="1", reason="x")
    while await collect(gateway):
        pass
    answer = (await gateway.client.get(PATH, params={"limit": 1})).json()
    assert (answer["total"], answer["limit"], answer["offset"]) == (MOST_OF_A_SESSION + 1, 1, 0)
    assert await gateway.redis.xlen(SessionKeys(session_id).dead) == 0
    assert len(await letters(gateway, sessionId=other)) == 1
    assert await letters(gateway, kind="job") == []


async def test_letters_go_with_their_session_and_an_ended_one_takes_no_retry(
    gateway: Gateway,
) -> None:
    session_id, letter = await given_up(gateway)
    gateway.backend.stand(session_id, phase=Phase.FAILED)
    assert (await retry(gateway, letter)).status_code == 409
    assert len(await letters(gateway)) == 1
    assert (await gateway.client.delete(f"/sessions/{session_id}")).is_success
    assert await letters(gateway) == []


async def test_metrics_tell_of_jobs_and_letters(redis_server: RedisServer, home: Path) -> None:
    settings = settings_for(home, redis_server.url, metrics={"port": 0})
    async with running_gateway(settings) as gateway:
        ledger = JobLedger(gateway.context.engine, gateway.context.clock)
        await ledger.failed("gone", "X", 6)
        await gateway.context.jobs.run_now(JOB)
        (shown,) = [line for line in gateway.logs if line["event"] == "metrics are shown"]
        async with httpx2.AsyncClient() as client:
            await until(lambda: _counted(client, shown["port"]))


async def _counted(client: httpx2.AsyncClient, port: int) -> bool:
    text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    assert 'moorage_dead_letters{kind="job"} 1.0' in text
    assert 'moorage_dead_letters{kind="input"} 0.0' in text
    return f'moorage_job_runs_total{{job="{JOB}",outcome="done"}} 1.0' in text


async def test_the_list_is_for_admins(
    redis_server: RedisServer, home: Path, database_url: str
) -> None:
    settings = accounts_settings(home, redis_server.url, database_url=database_url)
    async with running_gateway(settings) as gateway:
        for role, status in (("user", 403), ("admin", 200)):
            user = await add_user(gateway, role, role=role)  # type: ignore[arg-type]
            answer = await gateway.client.get(PATH, headers=bearer(user.access_token))
            assert answer.status_code == status
        assert (await gateway.client.get(PATH)).status_code == 401
