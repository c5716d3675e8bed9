"""One stream for all of a user's sessions."""

import asyncio
from datetime import timedelta

import pytest

from moorage_api.base import now
from moorage_api.events import FIELD, ErrorData, ErrorEvent, encode_entry
from moorage_api.keys import SessionKeys
from moorage_api.resources import Phase
from moorage_gateway.app import BASE
from moorage_testing.live import LIMIT, LiveGateway, publish, publish_texts, status, until
from moorage_testing.redis import RedisServer


async def publish_at(gateway: LiveGateway, session_id: str, event_id: str) -> tuple[str, str]:
    """Write a status under an id of the runner's own choice; return whose it is, and the id."""
    entry = encode_entry(status())
    await gateway.redis.xadd(SessionKeys(session_id).events, {FIELD: entry}, id=event_id)
    return session_id, event_id


def ago(**time: float) -> str:
    """Return the id of an event that happened so long ago."""
    return f"{int((now() - timedelta(**time)).timestamp() * 1000)}-0"


async def test_it_tells_how_all_sessions_stand(gateway: LiveGateway) -> None:
    first, second = gateway.backend.add(), gateway.backend.add()
    client = await gateway.connect(f"{BASE}/events")
    assert (await client.next()).type == "connected"
    await until(lambda: gateway.hub.counts["sessions"] == 2)
    await publish_texts(gateway.redis, first, "not shown")
    await publish(gateway.redis, first, status(Phase.READY))
    one = await client.next()
    await publish(gateway.redis, second, status(Phase.FAILED))
    two = await client.next()
    assert [(event.data["sessionId"], event.type) for event in (one, two)] == [
        (first, "session:status"),
        (second, "session:status"),
    ]


async def test_sessions_come_and_go_without_an_end(gateway: LiveGateway) -> None:
    client = await gateway.connect(f"{BASE}/events")
    await client.next()
    first = gateway.backend.add()
    await publish(gateway.redis, first, status())
    assert (await client.next()).data["sessionId"] == first
    gateway.backend.remove(first)
    second = gateway.backend.add()
    await publish(gateway.redis, second, status())
    assert (await client.next()).data["sessionId"] == second


async def test_it_resumes_over_all_sessions_with_the_last_minute_again(
    gateway: LiveGateway,
) -> None:
    sessions = [gateway.backend.add() for _ in range(3)]
    client = await gateway.connect(f"{BASE}/events")
    await client.next()
    await until(lambda: gateway.hub.counts["sessions"] == 3)
    seen = set()
    for session in sessions:
        seen.update(await publish(gateway.redis, session, status()))
    ids = [(await client.next()).id for _ in sessions]
    await client.close()
    missed = {(await publish(gateway.redis, session, status()))[0] for session in sessions}

    again = await gateway.connect(f"{BASE}/events", last_id=ids[-1])
    await again.next()
    events = await again.take(6)
    assert {event.data["id"] for event in events} == seen | missed
    numbers = [tuple(map(int, (event.id or "").split("-"))) for event in events]
    assert numbers == sorted(numbers)


async def test_what_happens_after_the_greeting_comes_however_late_redis_answers(
    gateway: LiveGateway, redis_server: RedisServer
) -> None:
    session = gateway.backend.add()
    redis_server.kill()
    client = await gateway.connect(f"{BASE}/events")
    await client.next()
    await gateway.redis.connection_pool.disconnect()
    redis_server.start()
    (happens,) = await publish(gateway.redis, session, status())
    assert (await client.next()).data["id"] == happens


@pytest.mark.parametrize("came_with", ["moment", "0"])
async def test_what_breaks_while_it_catches_up_comes_again(
    gateway: LiveGateway, came_with: str
) -> None:
    recent, older = gateway.backend.add(), gateway.backend.add()
    missed = {
        await publish_at(gateway, recent, ago(seconds=2)),
        await publish_at(gateway, recent, ago(seconds=1)),
        await publish_at(gateway, older, ago(minutes=9)),
    }
    last_id = ago(minutes=10) if came_with == "moment" else came_with
    for read in (1, 2):
        client = await gateway.connect(f"{BASE}/events", last_id=last_id)
        assert (await client.next()).data == {"lastEventId": last_id}
        await client.take(read)
        last_id = client.last_id or ""
        await client.close()
    again = await gateway.connect(f"{BASE}/events", last_id=last_id)
    await again.next()
    events = await again.take(len(missed))
    assert {(event.data["sessionId"], event.data["id"]) for event in events} == missed


async def test_once_it_has_caught_up_only_the_last_minute_comes_again(
    gateway: LiveGateway,
) -> None:
    session = gateway.backend.add()
    await publish_at(gateway, session, ago(minutes=9))
    _, newer = await publish_at(gateway, session, ago(seconds=1))
    client = await gateway.connect(f"{BASE}/events", last_id=ago(minutes=10))
    await client.take(3)
    reading = asyncio.create_task(client.rest())
    async with asyncio.timeout(LIMIT):
        while client.last_id != newer:  # as a ping tells it, for nothing happens
            await gateway.hub.heartbeat()
    reading.cancel()
    await client.close()
    again = await gateway.connect(f"{BASE}/events", last_id=newer)
    await again.next()
    (happens,) = await publish(gateway.redis, session, status())
    assert [event.data["id"] for event in await again.take(2)] == [newer, happens]


async def test_an_id_far_ahead_hides_nothing_of_other_sessions(gateway: LiveGateway) -> None:
    hostile, honest = gateway.backend.add(), gateway.backend.add()
    client = await gateway.connect(f"{BASE}/events")
    await client.next()
    await until(lambda: gateway.hub.counts["sessions"] == 2)
    await publish_at(gateway, hostile, f"{2**63}-0")
    await client.next()
    await client.close()
    missed = set(await publish(gateway.redis, honest, status(), status()))

    for last_id in (client.last_id, f"{2**63}-0"):  # the second of a gateway that gave it out
        again = await gateway.connect(f"{BASE}/events", last_id=last_id)
        await again.next()
        events = await again.take(3)
        assert {event.data["id"] for event in events} == {*missed, f"{2**63}-0"}
        await again.close()


async def test_many_sessions_are_caught_up_as_fast_as_the_client_takes_it(
    gateway: LiveGateway,
) -> None:
    large = ErrorEvent(timestamp=now(), data=ErrorData(code="large", message="x" * 10_000))
    for session in [gateway.backend.add() for _ in range(20)]:
        await publish(gateway.redis, session, *[large] * 40)
    client = await gateway.connect(f"{BASE}/events?after=0", receive_buffer=4096)
    await until(lambda: gateway.hub.counts["sessions"] == 20)
    greeting, *events = await client.take(1 + 20 * 40)
    assert greeting.type == "connected"
    assert {event.type for event in events} == {"error"}
