"""Inputs reach the inbox: in order, whatever Redis does, until a runner has taken them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from sqlalchemy import event, update

from moorage_api.base import now
from moorage_api.inbox import (
    FIELD,
    Interrupt,
    PermissionDecision,
    Prompt,
    SetMode,
    decode_input,
    encode_input,
)
from moorage_api.keys import SessionKeys
from moorage_gateway.db.tables import inputs
from moorage_gateway.relay.relay import Relay
from moorage_testing.history import History
from moorage_testing.live import LIMIT
from moorage_testing.redis import RedisServer


def prompt(name: str) -> Prompt:
    return Prompt(input_id=name, content=f"Do {name}")


async def bodies(redis: Redis, session: str) -> list[bytes]:
    entries: Any = await redis.xrange(SessionKeys(session).inbox)
    return [fields[FIELD] for _, fields in entries]


async def sent(redis: Redis, session: str) -> list[str]:
    return [decode_input(body).input_id for body in await bodies(redis, session)]


async def until_sent(redis: Redis, session: str, names: list[str]) -> None:
    async with asyncio.timeout(LIMIT):
        while await sent(redis, session) != names:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def done(outbox: History, session: str) -> dict[str, tuple[bool, bool]]:
    return {
        row.id: (row.sent_at is not None, row.done_at is not None)
        for row in await outbox.rows(inputs, session)
    }


class Noting(Relay):
    """A relay that notes what was sent at the worst moment: between a page's read and its use."""

    async def _page(self, *arguments: Any, **options: Any) -> Any:
        page = await super()._page(*arguments, **options)
        await self.marks.write()
        return page


async def test_what_is_noted_while_a_page_is_read_is_not_sent_again(outbox: History) -> None:
    session = str(uuid4())
    await outbox.put(session, prompt("t"))
    relay = Noting(outbox.redis, outbox.engine)
    await relay.flush(session)
    await relay.flush(session)
    assert await sent(outbox.redis, session) == ["t"]


async def test_what_waits_is_sent_in_order_and_once(outbox: History) -> None:
    session, other = str(uuid4()), str(uuid4())
    names = [f"t{n}" for n in range(250)]
    await outbox.put(session, *(prompt(name) for name in names))
    await outbox.put(other, prompt("other"))
    relay = Relay(outbox.redis, outbox.engine)
    await relay.flush(session)
    await relay.flush(session)
    assert await sent(outbox.redis, session) == names
    assert await sent(outbox.redis, other) == []
    await relay.marks.write()
    assert set((await done(outbox, session)).values()) == {(True, False)}


async def test_flushes_at_once_send_each_input_once(outbox: History) -> None:
    session = str(uuid4())
    await outbox.put(session, prompt("a"), prompt("b"))
    relay = Relay(outbox.redis, outbox.engine)
    await asyncio.gather(*(relay.flush(session) for _ in range(20)))
    assert await sent(outbox.redis, session) == ["a", "b"]


async def test_an_inbox_that_takes_nothing_harms_no_other(outbox: History) -> None:
    """As a session may make of its own, where Redis is older than 7."""
    spoilt, other = str(uuid4()), str(uuid4())
    await outbox.redis.set(SessionKeys(spoilt).inbox, "no stream")
    relay = Relay(outbox.redis, outbox.engine)
    for name in ("a", "b"):
        await outbox.put(spoilt, prompt(name))
        await outbox.put(other, prompt(name))
        await asyncio.gather(relay.flush(spoilt), relay.flush(other))
    assert await sent(outbox.redis, other) == ["a", "b"]
    await relay.marks.write()
    assert set((await done(outbox, other)).values()) == {(True, False)}
    assert set((await done(outbox, spoilt)).values()) == {(False, False)}


async def test_a_sweep_goes_on_past_an_inbox_that_takes_nothing(outbox: History) -> None:
    sessions = sorted(str(uuid4()) for _ in range(5))
    for session in sessions:
        await outbox.put(session, prompt("a"))
    await outbox.redis.set(SessionKeys(sessions[0]).inbox, "no stream")
    async with running(Relay(outbox.redis, outbox.engine)):
        for session in sessions[1:]:
            await until_sent(outbox.redis, session, ["a"])


async def test_an_interrupt_is_over_once_it_was_sent(outbox: History) -> None:
    session = str(uuid4())
    decision = PermissionDecision(input_id="d", approval_id="a", decision="allow")
    await outbox.put(
        session, prompt("p"), Interrupt(input_id="i"), SetMode(input_id="m", mode="plan"), decision
    )
    relay = Relay(outbox.redis, outbox.engine)
    await relay.flush(session)
    await relay.marks.write()
    assert await done(outbox, session) == {
        "p": (True, False),
        "i": (True, True),
        "m": (True, True),
        "d": (True, False),
    }


async def test_without_redis_nothing_is_raised_and_it_is_sent_later(
    outbox: History, redis_server: RedisServer
) -> None:
    session = str(uuid4())
    await outbox.put(session, prompt("a"))
    relay = Relay(outbox.redis, outbox.engine)
    redis_server.kill()
    async with running(relay):
        await relay.flush(session)
        assert await done(outbox, session) == {"a": (False, False)}
        redis_server.start()
        await until_sent(outbox.redis, session, ["a"])


async def test_what_was_sent_before_redis_lost_it_is_sent_again(outbox: History) -> None:
    session = str(uuid4())
    await outbox.put(session, prompt("a"), Interrupt(input_id="i"), prompt("b"))
    relay = Relay(outbox.redis, outbox.engine)
    await relay.flush(session)
    await outbox.redis.flushall()
    async with running(relay):
        await until_sent(outbox.redis, session, ["a", "b"])


async def test_a_new_input_does_not_hide_that_older_ones_were_lost(outbox: History) -> None:
    session = str(uuid4())
    await outbox.put(session, prompt("a"), prompt("b"))
    relay = Relay(outbox.redis, outbox.engine)
    await relay.flush(session)
    await outbox.redis.flushall()
    await outbox.put(session, prompt("c"))
    await relay.flush(session)
    assert await sent(outbox.redis, session) == ["a", "b", "c"]


async def test_an_inbox_that_the_runner_made_anew_is_filled_again(outbox: History) -> None:
    session = str(uuid4())
    await outbox.put(session, prompt("a"))
    relay = Relay(outbox.redis, outbox.engine)
    await relay.flush(session)
    await outbox.redis.flushall()
    await outbox.redis.xgroup_create(SessionKeys(session).inbox, "runner", "0", mkstream=True)
    async with running(relay):
        await until_sent(outbox.redis, session, ["a"])


async def reads(redis: Redis) -> int:
    stats: Any = await redis.info("commandstats")
    return int(stats.get("cmdstat_xrevrange", {"calls": 0})["calls"])


async def test_an_inbox_is_read_once_however_much_comes_to_wait_in_it(outbox: History) -> None:
    session = str(uuid4())
    relay = Relay(outbox.redis, outbox.engine)
    await outbox.put(session, *(prompt(f"early-{n}") for n in range(150)))
    await relay.sweep()
    before = await reads(outbox.redis)
    assert before > 0
    for name in ("a", "b"):
        await outbox.put(session, prompt(name))
        await relay.sweep()
    assert await reads(outbox.redis) == before
    assert (await sent(outbox.redis, session))[-2:] == ["a", "b"]


async def test_all_that_waits_is_looked_for_after_redis_was_started_anew(
    outbox: History, redis_server: RedisServer
) -> None:
    """It may have lost what came last; what came since hides that from a look at the ends."""
    session = str(uuid4())
    names = [f"t{n}" for n in range(1_050)]
    relay = Relay(outbox.redis, outbox.engine)
    await outbox.put(session, *(prompt(name) for name in names))
    await relay.sweep()
    await outbox.put(session, prompt("last"))
    await relay.sweep()
    key = SessionKeys(session).inbox
    last: Any = await outbox.redis.xrevrange(key, count=1)
    await outbox.redis.xdel(key, last[0][0])
    redis_server.kill()
    redis_server.start()
    await outbox.put(session, prompt("new"))
    await relay.sweep()
    assert await sent(outbox.redis, session) == [*names, "new", *names, "last", "new"]
    await relay.sweep()
    assert (await sent(outbox.redis, session)).count("last") == 1


async def test_what_a_runner_has_taken_is_not_sent_again(outbox: History) -> None:
    session = str(uuid4())
    await outbox.put(session, prompt("a"), prompt("b"))
    relay = Relay(outbox.redis, outbox.engine)
    await relay.flush(session)
    async with outbox.engine.begin() as connection:
        await connection.execute(update(inputs).where(inputs.c.id == "a").values(done_at=now()))
    await outbox.redis.flushall()
    async with running(relay):
        await until_sent(outbox.redis, session, ["b"])


async def test_killed_between_redis_and_the_database_it_sends_again(outbox: History) -> None:
    session = str(uuid4())
    await outbox.put(session, prompt("a"))
    await Relay(outbox.redis, outbox.engine).flush(session)  # and it is no more
    relay = Relay(outbox.redis, outbox.engine)
    await relay.flush(session)
    assert await sent(outbox.redis, session) == ["a", "a"]
    await relay.marks.write()
    assert await done(outbox, session) == {"a": (True, False)}


async def test_a_relay_that_ends_notes_what_it_sent(outbox: History) -> None:
    session = str(uuid4())
    relay = Relay(outbox.redis, outbox.engine)
    async with running(relay):
        await outbox.put(session, prompt("a"))
        await relay.flush(session)
    assert await done(outbox, session) == {"a": (True, False)}


async def test_many_sent_inputs_are_noted_in_one_transaction(outbox: History) -> None:
    names = [str(uuid4()) for _ in range(20)]
    relay = Relay(outbox.redis, outbox.engine)
    for name in names:
        await outbox.put(name, prompt("a"))
        await relay.flush(name)
    commits: list[object] = []

    def count(connection: object) -> None:
        commits.append(connection)

    event.listen(outbox.engine.sync_engine, "commit", count)
    await relay.marks.write()
    event.remove(outbox.engine.sync_engine, "commit", count)
    assert len(commits) == 1
    assert [await done(outbox, name) for name in names] == [{"a": (True, False)}] * 20


async def test_an_interrupt_is_sent_once_though_redis_loses_it_before_it_is_noted(
    outbox: History,
) -> None:
    session = str(uuid4())
    await outbox.put(session, prompt("a"), Interrupt(input_id="i"))
    relay = Relay(outbox.redis, outbox.engine)
    await relay.flush(session)
    await outbox.redis.flushall()
    await outbox.put(session, prompt("b"))
    await relay.flush(session)
    assert await sent(outbox.redis, session) == ["a", "b"]


async def test_an_inbox_with_what_is_no_input_is_read_past(outbox: History) -> None:
    session = str(uuid4())
    await outbox.redis.xadd(SessionKeys(session).inbox, {FIELD: b"{", b"x": b"y"})
    await outbox.put(session, prompt("a"))
    relay = Relay(outbox.redis, outbox.engine)
    await relay.flush(session)
    async with running(relay):
        await outbox.put(session, prompt("b"))
        await relay.flush(session)
    assert await bodies(outbox.redis, session) == [
        b"{", encode_input(prompt("a")), encode_input(prompt("b"))
    ]  # fmt: skip
