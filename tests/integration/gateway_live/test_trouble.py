"""Slow clients, Redis away, many clients, storms, ends."""

import asyncio

from moorage_api.keys import SessionKeys
from moorage_gateway.app import BASE
from moorage_testing.live import LiveGateway, SseClient, ask, publish_texts, until
from moorage_testing.redis import RedisServer

_LARGE = "x" * 100_000


async def test_a_slow_client_is_ended_resumes_and_harms_nobody(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    slow = await gateway.connect(gateway.path(session), receive_buffer=4096)
    quick = await gateway.connect(gateway.path(session))
    await quick.next()
    await slow.next()
    count = 80
    reading = asyncio.create_task(quick.take(count))
    for number in range(count):
        await publish_texts(gateway.redis, session, [f"{number:03}{_LARGE}"])
        await asyncio.sleep(0)
    assert [event.text[:3] for event in await reading] == [f"{n:03}" for n in range(count)]

    *seen, end = await slow.rest()
    assert (end.type, end.data["reason"]) == ("end", "slow")
    assert end.data["lastEventId"] == seen[-1].id == slow.last_id
    assert len(seen) < count
    again = await gateway.connect(gateway.path(session), last_id=slow.last_id)
    await again.next()
    rest = await again.take(count - len(seen))
    assert [e.text[:3] for e in (*seen, *rest)] == [f"{n:03}" for n in range(count)]


async def test_a_client_that_catches_up_slowly_is_not_ended(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    await publish_texts(gateway.redis, session, [f"{n:03}{_LARGE}" for n in range(100)])
    client = await gateway.connect(gateway.path(session, "?after=0"), receive_buffer=4096)
    await client.next()
    events = await client.take(100)
    assert [event.text[:3] for event in events] == [f"{n:03}" for n in range(100)]


async def test_clients_stay_through_a_restart_of_redis_and_miss_nothing(
    gateway: LiveGateway, redis_server: RedisServer
) -> None:
    session, quiet = gateway.backend.add(), gateway.backend.add()
    clients = [await gateway.connect(gateway.path(session)) for _ in range(10)]
    other = await gateway.connect(gateway.path(quiet))
    for client in (*clients, other):
        await client.next()
    for number in range(3):
        await publish_texts(gateway.redis, session, [f"{number}a", f"{number}b"])
        redis_server.kill()
        await until(lambda: not gateway.hub.connected)
        await gateway.redis.connection_pool.disconnect()
        redis_server.start()
        await publish_texts(gateway.redis, session, [f"{number}c"])
    await publish_texts(gateway.redis, quiet, ["late"])
    expected = [f"{number}{letter}" for number in range(3) for letter in "abc"]
    for client in clients:
        assert [event.text for event in await client.take(9)] == expected
    assert (await other.next()).text == "late"


async def test_a_client_that_comes_while_redis_is_away_waits_for_it(
    gateway: LiveGateway, redis_server: RedisServer
) -> None:
    session = gateway.backend.add()
    redis_server.kill()
    client = await gateway.connect(gateway.path(session))
    await gateway.hub.heartbeat()
    code, body = await ask(gateway.port, gateway.path(session, "/poll?after=0"))
    redis_server.start()
    greeting = await client.next()
    await publish_texts(gateway.redis, session, "a")
    assert (client.status, greeting.type, client.comments) == (200, "connected", ["ping"])
    assert (await client.next()).text == "a"
    assert (code, body["code"]) == (503, "BACKEND_UNAVAILABLE")


async def test_200_clients_share_one_reading_connection(gateway: LiveGateway) -> None:
    sessions = [gateway.backend.add() for _ in range(20)]
    clients = [await gateway.connect(gateway.path(sessions[n % 20])) for n in range(200)]
    for client in clients:
        await client.next()
    for number, session in enumerate(sessions):
        await publish_texts(gateway.redis, session, [str(number)])
    texts = [(await client.next()).text for client in clients]
    assert texts == [str(n % 20) for n in range(200)]
    reading = [entry for entry in await gateway.redis.client_list() if entry["cmd"] == "xread"]
    assert len(reading) == 1


async def test_storms_of_clients_leave_nothing_behind(gateway: LiveGateway) -> None:
    sessions = [gateway.backend.add() for _ in range(10)]
    tasks_before = len(asyncio.all_tasks())

    async def visit(number: int) -> None:
        client = await gateway.connect(gateway.path(sessions[number % 10], "?after=0"))
        if number % 3:
            await client.next()
        await client.close()

    for _ in range(5):
        await asyncio.gather(*(visit(number) for number in range(60)))
    await until(lambda: gateway.hub.counts == {"sessions": 0, "clients": 0})
    await until(lambda: len(asyncio.all_tasks()) <= tasks_before)
    assert not gateway.hub.clients
    client = await gateway.connect(gateway.path(sessions[0]))
    await client.next()
    await publish_texts(gateway.redis, sessions[0], "a")
    assert (await client.next()).text == "a"


async def test_a_deleted_sessions_streams_end(gateway: LiveGateway) -> None:
    session, other = gateway.backend.add(), gateway.backend.add()
    client = await gateway.connect(gateway.path(session))
    beside = await gateway.connect(gateway.path(other))
    await client.next()
    await beside.next()
    ids = await publish_texts(gateway.redis, session, "a")
    await client.next()
    gateway.backend.remove(session)
    [end] = await client.rest()
    assert (end.type, end.data) == ("end", {"reason": "deleted", "lastEventId": ids[0]})
    await publish_texts(gateway.redis, other, "b")
    assert (await beside.next()).text == "b"


async def test_the_end_of_the_process_ends_all_streams_at_once(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    clients = [await gateway.connect(gateway.path(session)) for _ in range(20)]
    clients.append(await gateway.connect(f"{BASE}/events"))
    for client in clients:
        await client.next()
    poll = asyncio.create_task(ask(gateway.port, gateway.path(session, "/poll?wait=25")))
    await until(lambda: gateway.hub.places.taken == 22)
    started = asyncio.get_running_loop().time()
    await gateway.end()
    assert asyncio.get_running_loop().time() - started < 2
    for client in clients:
        assert [(e.type, e.data["reason"]) for e in await client.rest()] == [("end", "shutdown")]
    assert (await poll)[1]["events"] == []


async def test_the_heartbeat_moves_a_filtered_client_on(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    client: SseClient = await gateway.connect(gateway.path(session, "?types=error"))
    plain = await gateway.connect(gateway.path(session))
    await client.next()
    await plain.next()
    ids = await publish_texts(gateway.redis, session, "ab")
    await plain.take(2)
    await gateway.hub.heartbeat()
    await gateway.redis.xadd(SessionKeys(session).events, {"event": b"{}"})
    await client.next()
    assert client.comments == ["ping"]
    assert client.seen_ids[0] == ids[1]


async def test_polls_wait_for_the_first_event(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    ids = await publish_texts(gateway.redis, session, "abc")
    path = gateway.path(session, "/poll")
    _, now = await ask(gateway.port, path)
    _, page = await ask(gateway.port, f"{path}?after=0&limit=2")
    waiting = asyncio.create_task(ask(gateway.port, f"{path}?after={ids[2]}&wait=20"))
    await until(lambda: gateway.hub.counts["clients"] == 1)
    more = await publish_texts(gateway.redis, session, "d")
    _, waited = await waiting
    assert (now["events"], now["lastEventId"]) == ([], ids[2])
    assert [event["id"] for event in page["events"]] == ids[:2]
    assert page["lastEventId"] == ids[1]
    assert ([event["id"] for event in waited["events"]], waited["lastEventId"]) == (more, more[0])


async def test_polls_find_what_they_filter_for_and_go_on_behind_the_rest(
    gateway: LiveGateway,
) -> None:
    session = gateway.backend.add()
    ids = await publish_texts(gateway.redis, session, [str(n) for n in range(300)])
    path = gateway.path(session, "/poll?after=0&types=error&limit=10")
    _, body = await ask(gateway.port, path)
    assert body["events"] == []
    assert body["lastEventId"] in ids[150:]
