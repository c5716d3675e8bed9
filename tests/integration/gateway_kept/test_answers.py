"""Answers that are kept: whatever they were made of changes, the next one is another."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import event
from starlette.routing import BaseRoute
from structlog.contextvars import get_contextvars

from moorage_api.resources import Activity, Phase
from moorage_gateway.app import BASE
from moorage_gateway.db.tables import sessions
from moorage_gateway.kept.answers import KEEP_SECONDS, Answer, Basis, KeptAnswers
from moorage_testing.accounts import User, accounts_settings, add_user, bearer
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway
from moorage_testing.redis import RedisServer

from .conftest import Replicas

KEPT = "moorage_http_kept_answers_total"

Act = Callable[[Gateway, str], Awaitable[Any]]


class Statements:
    """Counts the statements that a gateway sends to its database for requests.

    Those of background tasks are no request's: they have no id of one in their context.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.count = 0
        event.listen(gateway.context.engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, *_: object) -> None:
        if "request_id" in get_contextvars():
            self.count += 1


async def read(gateway: Gateway, path: str) -> Any:
    answer = await gateway.client.get(path)
    assert answer.status_code == httpx2.codes.OK, answer.text
    return answer.json()


async def patch(gateway: Gateway, session_id: str, **fields: Any) -> None:
    answer = await gateway.client.patch(f"/sessions/{session_id}", json=fields)
    assert answer.status_code == httpx2.codes.OK, answer.text


async def suspend(gateway: Gateway, session_id: str) -> None:
    await gateway.client.post(f"/sessions/{session_id}/suspend")
    gateway.backend.stand(session_id, phase=Phase.SUSPENDED)


@pytest.mark.parametrize("path", ["/sessions/{id}", "/sessions", "/sessions/{id}/messages"])
async def test_what_is_unchanged_is_not_made_again(replicas: Replicas, path: str) -> None:
    session_id = await replicas.one.create()
    await replicas.one.live(session_id, activity=Activity.IDLE)
    path = path.format(id=session_id)
    first = await read(replicas.one, path)
    statements = Statements(replicas.one)
    assert await read(replicas.one, path) == first
    assert statements.count == 0
    registry = replicas.one.context.metrics.registry
    assert registry.get_sample_value(KEPT, {"how": "given_again"}) == 1
    assert registry.get_sample_value(KEPT, {"how": "made"}) == 1
    assert await read(replicas.one, f"{path}?limit=1") is not None
    assert statements.count > 0, "another question"


CHANGES: dict[str, Act] = {
    "a message": lambda gateway, session_id: gateway.say(session_id),
    "its context": lambda gateway, session_id: patch(gateway, session_id, context={"a": 1}),
    "its metadata": lambda gateway, session_id: patch(gateway, session_id, metadata={"a": 1}),
    "archived": lambda gateway, session_id: patch(gateway, session_id, status="archived"),
    "suspended": suspend,
    "what its runner does": lambda gateway, session_id: gateway.live(
        session_id, activity=Activity.WORKING, turn_id="t-1"
    ),
    "its runner's death": lambda gateway, session_id: gateway.live(
        session_id, activity=Activity.IDLE, age=60, model="other"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_by_one_replica_is_seen_at_the_other(
    replicas: Replicas, change: str
) -> None:
    session_id = await replicas.one.create()
    await replicas.one.live(session_id, activity=Activity.IDLE)
    paths = [f"/sessions/{session_id}", "/sessions", f"/sessions/{session_id}/messages"]
    before = [await read(replicas.other, path) for path in paths]
    assert [await read(replicas.other, path) for path in paths] == before
    await CHANGES[change](replicas.one, session_id)
    after = [await read(replicas.other, path) for path in paths]
    assert after[:2] != before[:2]
    assert after == [await read(replicas.one, path) for path in paths]
    if change == "a message":
        assert len(after[2]["messages"]) == 1
        assert after[0]["currentJobId"] == after[2]["messages"][0]["id"]


async def test_lists_follow_what_is_archived_though_it_is_on_another_page(
    replicas: Replicas,
) -> None:
    old, new = await replicas.one.create(), await replicas.one.create()
    page = "/sessions?status=active&limit=1"
    assert (await read(replicas.other, page))["total"] == 2
    await patch(replicas.one, old, status="archived")
    assert (await read(replicas.other, page))["total"] == 1
    await patch(replicas.one, new, status="archived")
    assert (await read(replicas.other, page))["sessions"] == []
    await patch(replicas.one, old, status="active")
    assert [each["id"] for each in (await read(replicas.other, page))["sessions"]] == [old]


async def test_created_and_deleted_sessions_are_in_lists_and_out_of_them(
    replicas: Replicas,
) -> None:
    assert (await read(replicas.one, "/sessions"))["total"] == 0
    session_id = await replicas.other.create()
    assert (await read(replicas.one, "/sessions"))["total"] == 1
    assert await read(replicas.one, f"/sessions/{session_id}")
    await replicas.other.client.delete(f"/sessions/{session_id}")
    assert (await read(replicas.one, "/sessions"))["total"] == 0
    gone = await replicas.one.client.get(f"/sessions/{session_id}")
    assert gone.status_code == httpx2.codes.NOT_FOUND


async def test_a_runner_that_falls_silent_is_noticed(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await replicas.one.create()
    await replicas.one.live(session_id, activity=Activity.WORKING, turn_id="t-1", age=15)
    path = f"/sessions/{session_id}"
    assert (await read(replicas.one, path))["activity"] == "Working"
    real = __import__("time").time
    monkeypatch.setattr("moorage_gateway.sessions.live.time.time", lambda: real() + 6)
    assert (await read(replicas.one, path))["activity"] != "Working"


async def test_without_redis_nothing_kept_is_given(
    replicas: Replicas, redis_server: RedisServer
) -> None:
    session_id = await replicas.one.create()
    await replicas.one.live(session_id, activity=Activity.WORKING, turn_id="t-1")
    path = f"/sessions/{session_id}"
    assert (await read(replicas.one, path))["isWorking"]
    await read(replicas.one, "/sessions")
    redis_server.kill()
    for _ in range(2):
        assert not (await read(replicas.one, path))["isWorking"]
        assert (await read(replicas.one, "/sessions"))["total"] == 1
    # Changed while no version could be renewed: known at once where it is asked.
    await patch(replicas.one, session_id, context={"a": 1})
    assert (await read(replicas.one, path))["context"] == {"a": 1}


async def test_a_transaction_that_fails_renews_the_version_too(replicas: Replicas) -> None:
    context = replicas.one.context
    session_id = await replicas.one.create()

    async def version() -> Any:
        return await context.redis.get(f"moorage:{{{session_id}}}:rows")

    async def change() -> None:
        async with context.changes.of(session_id) as connection:
            await connection.execute(sessions.update().values(context=1))
            raise RuntimeError

    before = await version()
    with pytest.raises(RuntimeError):
        await change()
    assert await version() != before
    assert 0 < await context.redis.ttl(f"moorage:{{{session_id}}}:rows") <= 3600


async def test_they_are_their_owner_s_alone_and_count_against_limits(
    redis_server: RedisServer, home: Path, database_url: str
) -> None:
    settings = accounts_settings(
        home,
        redis_server.url,
        database_url=database_url,
        limits={"enabled": True, "reads": "6/minute"},
    )
    async with running_gateway(settings) as gateway:
        ada, bob = await add_user(gateway, "ada"), await add_user(gateway, "bob")

        async def ask(user: User, method: str, path: str, **more: Any) -> httpx2.Response:
            headers = bearer(user.access_token)
            return await gateway.client.request(method, path, headers=headers, **more)

        made = await ask(ada, "POST", "/sessions", json={"projectPath": REPOSITORY})
        path = f"/sessions/{made.json()['id']}"
        left = []
        for _ in range(6):
            answer = await ask(ada, "GET", path)
            assert answer.status_code == httpx2.codes.OK
            left.append(answer.headers["RateLimit"].split(";")[1])
        assert left == ["r=5", "r=4", "r=3", "r=2", "r=1", "r=0"]
        refused = await ask(ada, "GET", path)
        assert refused.status_code == httpx2.codes.TOO_MANY_REQUESTS
        assert (await ask(bob, "GET", path)).status_code == httpx2.codes.NOT_FOUND
        assert (await ask(bob, "GET", "/sessions")).json()["total"] == 0


async def test_what_becomes_of_others_sessions_changes_no_list(
    redis_server: RedisServer, home: Path, database_url: str
) -> None:
    settings = accounts_settings(home, redis_server.url, database_url=database_url)
    async with running_gateway(settings) as gateway:
        ada, bob = await add_user(gateway, "ada"), await add_user(gateway, "bob")

        async def total(user: User) -> int:
            answer = await gateway.client.get("/sessions", headers=bearer(user.access_token))
            found: int = answer.json()["total"]
            return found

        assert (await total(ada), await total(bob)) == (0, 0)
        statements = Statements(gateway)
        made = await gateway.client.post(
            "/sessions", json={"projectPath": REPOSITORY}, headers=bearer(bob.access_token)
        )
        assert made.status_code == httpx2.codes.CREATED
        before = statements.count
        assert await total(ada) == 0
        assert statements.count == before
        assert await total(bob) == 1


async def test_who_has_an_answer_is_told_so(replicas: Replicas) -> None:
    session_id = await replicas.one.create()
    answers = [await replicas.one.client.get(f"/sessions/{session_id}") for _ in range(2)]
    tags = {answer.headers["ETag"] for answer in answers}
    assert len(tags) == 1
    again = await replicas.one.client.get(
        f"/sessions/{session_id}", headers={"If-None-Match": tags.pop()}
    )
    assert again.status_code == httpx2.codes.NOT_MODIFIED


async def test_they_are_kept_for_a_while_and_within_bounds(replicas: Replicas) -> None:
    now = 0.0
    context = replicas.one.context
    answers = KeptAnswers(context.backend, context.pipelined, lambda: now)

    def key(number: int) -> tuple[str, bool, str, bytes]:
        return ("ada", False, f"/sessions/{number}", b"")

    def answer(size: int) -> Answer:
        return Answer(b"x" * size, 'W/"x"', BaseRoute(), None)

    whole = Basis(is_whole=True)
    for number in range(100):
        answers.keep(key(number), answer(200_000), whole)
    found = [number for number in range(100) if await answers.find(key(number))]
    assert found == list(range(100 - len(found), 100)), "the oldest go first"
    assert 8 * 2**20 - 200_000 < len(found) * 200_500 <= 8 * 2**20
    answers.keep(key(99), answer(300_000), whole)
    assert await answers.find(key(99)) is None, "too large"
    now = KEEP_SECONDS + 1
    assert not [number for number in range(100) if await answers.find(key(number))]


async def test_what_is_given_again_counts_like_what_is_made(
    replicas: Replicas,
) -> None:
    session_id = await replicas.one.create()
    for _ in range(3):
        await read(replicas.one, f"/sessions/{session_id}")
    labels = {"method": "GET", "route": f"{BASE}/sessions/{{session_id}}", "status": "200"}
    registry = replicas.one.context.metrics.registry
    assert registry.get_sample_value("moorage_http_requests_total", labels) == 3


async def test_of_many_that_ask_at_once_one_makes_it(replicas: Replicas) -> None:
    session_id = await replicas.one.create()
    path = f"/sessions/{session_id}"
    for rounds in (1, 2):
        answers = await asyncio.gather(*(read(replicas.one, path) for _ in range(20)))
        assert all(answer == answers[0] for answer in answers)
        registry = replicas.one.context.metrics.registry
        assert registry.get_sample_value(KEPT, {"how": "made"}) == rounds
        await patch(replicas.other, session_id, context=rounds)


async def test_who_waits_for_one_that_fails_makes_it(replicas: Replicas) -> None:
    """Also if what is made cannot be kept, and if its maker goes away."""
    answers = replicas.one.context.answers
    key = ("ada", False, "/sessions", b"")
    ends: Sequence[Callable[[], None]] = (lambda: None, maker_goes)
    for end in ends:
        with suppress(asyncio.CancelledError), answers.making.doing(key):
            waiting = asyncio.create_task(answers.made_meanwhile(key))
            await asyncio.sleep(0)
            with answers.making.doing(key):  # one that has waited in vain before
                pass
            assert not waiting.done()
            end()
        assert await asyncio.wait_for(waiting, 5) is None


def maker_goes() -> None:
    raise asyncio.CancelledError
