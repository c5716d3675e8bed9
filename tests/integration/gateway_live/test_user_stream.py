"""One stream for all of a user's sessions."""

from moorage_api.resources import Phase
from moorage_gateway.app import BASE
from moorage_testing.live import LiveGateway, publish, publish_texts, status, until


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
