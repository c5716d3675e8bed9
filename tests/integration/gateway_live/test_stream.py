"""Following a session over HTTP: greeting, order, resuming, filters, refusals."""

import random

import pytest

from moorage_gateway.app import BASE
from moorage_testing.live import (
    LiveGateway,
    ask,
    live_gateway,
    publish,
    publish_texts,
    status,
)
from moorage_testing.redis import RedisServer


async def test_a_stream_greets_and_then_tells_what_happens(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    await publish_texts(gateway.redis, session, ["before"])
    client = await gateway.connect(gateway.path(session))
    greeting = await client.next()
    ids = await publish_texts(gateway.redis, session, ["a", "b"])
    events = await client.take(2)

    assert (client.status, greeting.type, greeting.id) == (200, "connected", None)
    assert greeting.data["sessionId"] == session
    assert [(event.id, event.text) for event in events] == list(zip(ids, "ab", strict=True))
    assert [event.data["id"] for event in events] == ids
    assert {event.data["sessionId"] for event in events} == {session}
    head = client.head.lower()
    assert "cache-control: no-store" in head
    assert "x-accel-buffering: no" in head
    assert "content-type: text/event-stream" in head


async def test_without_the_handoff_a_stream_goes_on_where_it_began(
    redis_server: RedisServer,
) -> None:
    async with live_gateway(redis_server.url, handoff=False) as gateway:
        session = gateway.backend.add()
        client = await gateway.connect(gateway.path(session))
        await client.next()
        await publish_texts(gateway.redis, session, "ab")
        assert [event.text for event in await client.take(2)] == ["a", "b"]


async def test_every_cut_gives_each_event_exactly_once(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    ids = await publish_texts(gateway.redis, session, [str(n) for n in range(40)])
    for cut in range(-1, 40):
        after = "0" if cut < 0 else ids[cut]
        client = await gateway.connect(gateway.path(session), last_id=after)
        greeting, *events = await client.take(40 - cut)
        assert greeting.data["lastEventId"] == after
        assert [event.id for event in events] == ids[cut + 1 :]
        await client.close()


async def test_reconnecting_at_random_while_events_pour_in_loses_and_doubles_nothing(
    gateway: LiveGateway,
) -> None:
    session = gateway.backend.add()
    draw = random.Random(7)  # noqa: S311 - not a secret
    seen: list[str] = []
    written: list[str] = []
    last_id = "0"
    while len(seen) < 3000:
        client = await gateway.connect(gateway.path(session), last_id=last_id)
        assert (await client.next()).type == "connected"
        for _ in range(draw.randrange(1, 8)):
            if len(written) < 3000:
                texts = [f"{len(written) + n}" for n in range(draw.randrange(1, 120))]
                written += texts
                await publish_texts(gateway.redis, session, texts)
            for _ in range(draw.randrange(0, min(90, len(written) - len(seen)) + 1)):
                event = await client.next()
                seen.append(event.text)
        last_id = client.last_id or last_id
        await client.close()
    assert seen == written[: len(seen)]


async def test_the_header_goes_before_the_query(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    ids = await publish_texts(gateway.redis, session, "abc")
    client = await gateway.connect(gateway.path(session, "?after=0"), last_id=ids[1])
    assert [event.text for event in (await client.take(2))[1:]] == ["c"]


async def test_types_filter_and_the_gap_that_always_passes(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    path = gateway.path(session, "?after=0&types=session:status")
    client = await gateway.connect(path)
    await client.next()
    await publish_texts(gateway.redis, session, "ab")
    await gateway.redis.xadd(f"moorage:{{{session}}}:events", {"event": "{}"})
    await publish(gateway.redis, session, status())
    assert [event.type for event in await client.take(2)] == ["gap", "session:status"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("?after=x", "after"),
        ("?after=-1", "after"),
        ("?after=1-2-3", "after"),
        ("?after=99999999999999999999-0", "after"),
        ("?types=message:stop,nonsense", "types"),
        ("?types=", "types"),
    ],
)
async def test_what_cannot_be_read_is_refused(gateway: LiveGateway, query: str, path: str) -> None:
    session = gateway.backend.add()
    code, body = await ask(gateway.port, gateway.path(session, query))
    assert (code, body["code"]) == (400, "VALIDATION_ERROR")
    assert body["details"][0]["path"] == path


async def test_a_session_that_is_not_there_is_not_found(gateway: LiveGateway) -> None:
    code, body = await ask(
        gateway.port, f"{BASE}/sessions/00000000-0000-4000-8000-000000000000/events"
    )
    assert (code, body["code"]) == (404, "NOT_FOUND")
