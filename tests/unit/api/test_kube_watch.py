"""A watch as it comes over the wire: in pieces, with failures in it, never too much of it."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Self, cast

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio.client import ApiClient

from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.errors import KubernetesError, ObjectGoneError, UnavailableError

EVENTS = [
    {"type": "ADDED", "object": {"metadata": {"name": "ä" * 40, "resourceVersion": "7"}}},
    {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}},
    {"type": "DELETED", "object": {"metadata": {"name": "a\nb", "resourceVersion": "12"}}},
]
WIRE = b"".join(json.dumps(event).encode() + b"\n" for event in EVENTS)


class Stream:
    """An answer whose body comes in these pieces, and then breaks off or ends."""

    def __init__(self, pieces: list[bytes], error: Exception | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.closed = False
        self.content = self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed = True

    async def iter_any(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.error is not None:
            raise self.error


class Client:
    """The client library, as far as a watch needs it."""

    user_agent = "test"
    configuration = SimpleNamespace(host="https://api")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.urls: list[str] = []

    async def update_params_for_auth(self, *_: object) -> None:
        pass

    async def call_api(self, method: str, url: str, *_: object, **__: object) -> Any:
        self.urls.append(url)
        return SimpleNamespace(status=200, response=self.stream)


async def watched(stream: Stream) -> tuple[list[Any], KubernetesError | None]:
    api = KubernetesApi(cast("ApiClient", Client(stream)))
    events: list[Any] = []
    try:
        async for event in api.watch("ClaudeSession", "team", "5", 30):
            events.append(event)  # noqa: PERF401 - those before an error count
    except KubernetesError as error:
        return events, error
    return events, None


@given(cuts=st.lists(st.integers(0, len(WIRE)), max_size=12))
async def test_events_come_whole_however_they_are_cut(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(WIRE)]
    pieces = [WIRE[a:b] for a, b in pairwise(at)]
    stream = Stream(pieces)
    assert await watched(stream) == (EVENTS, None)
    assert stream.closed


@pytest.mark.parametrize(
    ("code", "kind"), [(410, ObjectGoneError), (500, UnavailableError), (429, UnavailableError)]
)
async def test_a_failure_within_the_stream_is_raised(code: int, kind: type[Exception]) -> None:
    status = {"kind": "Status", "code": code, "reason": "Expired", "message": "too old"}
    wire = WIRE + json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"
    events, error = await watched(Stream([wire]))
    assert (events, type(error)) == (EVENTS, kind)


@pytest.mark.parametrize(
    "stream",
    [
        Stream([WIRE], aiohttp.ClientPayloadError()),
        Stream([WIRE], TimeoutError()),
        Stream([WIRE, b"no JSON\n"]),
        Stream([WIRE, *[b"x" * 1024 * 1024] * 17]),
    ],
    ids=["cut", "silent", "no JSON", "without an end"],
)
async def test_what_is_no_watch_any_more_counts_as_away(stream: Stream) -> None:
    events, error = await watched(stream)
    assert (events, type(error)) == (EVENTS, UnavailableError)
    assert stream.closed


async def test_it_asks_from_a_version_on_for_a_time_and_with_bookmarks() -> None:
    client = Client(Stream([]))
    api = KubernetesApi(cast("ApiClient", client))
    assert [event async for event in api.watch("ClaudeSession", "team", "5", 30)] == []
    (url,) = client.urls
    assert url.startswith("https://api/apis/moorage.dev/v1alpha1/namespaces/team/claudesessions?")
    for wanted in ("watch=1", "allowWatchBookmarks=true", "resourceVersion=5", "timeoutSeconds=30"):
        assert wanted in url
