"""Places for streams: counted for each user, and left whatever becomes of a stream."""

import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from moorage_api.redis_client import make_redis
from moorage_gateway.auth.principal import Principal
from moorage_gateway.errors import StreamsHeld
from moorage_gateway.live.handoff import StreamHandoff, hand_over
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.places import Places
from moorage_gateway.live.sse import EventStream


def test_each_user_has_places_of_their_own() -> None:
    places = Places(2)
    for user in ("ada", "ada", "ben"):
        places.take(user)
    with pytest.raises(StreamsHeld) as refused:
        places.take("ada")
    assert refused.value.headers["Retry-After"] == str(refused.value.details["retryAfter"])
    places.take("ben")
    places.leave("ada")
    places.take("ada")


def test_a_place_is_held_for_as_long_as_the_block() -> None:
    places = Places(1)
    with places.held("ada"), pytest.raises(StreamsHeld):
        places.take("ada")
    with pytest.raises(KeyError), places.held("ada"):
        raise KeyError
    places.take("ada")


def test_without_a_limit_there_is_always_a_place() -> None:
    places = Places(None)
    for _ in range(1000):
        places.take("ada")


async def test_a_stream_whose_client_left_before_its_head_holds_no_place() -> None:
    hub = Hub(make_redis("redis://localhost"), asyncio.Event(), places=Places(1))

    async def gone(_: Any) -> None:
        raise ConnectionResetError

    async def nothing() -> Any:
        raise AssertionError

    with pytest.raises(ConnectionResetError):
        await EventStream(hub, Principal("ada", "user"))({"type": "http"}, nothing, gone)
    hub.places.take("ada")


class Recorded:
    """A stream that notes what is done with it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def stream(self, receive: Receive, send: Send) -> None:
        self.calls.append("stream")

    def leave(self) -> None:
        self.calls.append("leave")


@pytest.mark.parametrize(("breaks", "calls"), [(False, ["stream", "leave"]), (True, ["leave"])])
async def test_a_stream_that_was_handed_over_leaves_its_place(
    breaks: bool, calls: list[str]
) -> None:
    stream = Recorded()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        assert hand_over(scope, stream)
        if breaks:
            raise ConnectionError

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    try:
        await StreamHandoff(application)({"type": "http"}, nothing, nothing)
    except ConnectionError:
        assert breaks
    assert stream.calls == calls
