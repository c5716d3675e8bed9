"""How a watch goes on: from where it was, after an end in order and after a failure; else anew."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Any, cast

import pytest

from moorage_api.kube.client import KubernetesApi, Page
from moorage_api.kube.errors import KubernetesError, ObjectGoneError, UnavailableError
from moorage_gateway.backends.changes import Changes
from moorage_gateway.backends.kubernetes.cache import SessionCache
from moorage_gateway.backends.kubernetes.follower import LAG_SECONDS, Follower
from moorage_gateway.metrics.instruments import BackendMetrics

from .test_cache import body

Step = dict[str, Any] | KubernetesError | None
"""An event, a failure, or None: the watch ends in order."""


class Script:
    """An API server whose lists and watches go as written; at its end it is silent."""

    def __init__(self, lists: list[list[Page] | KubernetesError], *watches: list[Step]) -> None:
        self.lists = lists
        self.watches = list(watches)
        self.asked: list[str] = []
        self.seconds: list[int] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.over = asyncio.Event()

    async def list(self, kind: str, namespace: str) -> AsyncIterator[Page]:
        self.asked.append("list")
        pages = self.lists.pop(0)
        if isinstance(pages, KubernetesError):
            raise pages
        for page in pages:
            yield page

    async def watch(
        self, kind: str, namespace: str, version: str, seconds: int
    ) -> AsyncGenerator[dict[str, Any]]:
        self.asked.append(f"watch from {version}")
        self.seconds.append(seconds)
        self.meanwhile()
        if not self.watches:
            self.over.set()
            await asyncio.Event().wait()
        for step in self.watches.pop(0):
            if isinstance(step, KubernetesError):
                raise step
            if step is not None:
                yield step


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


async def followed(script: Script, clock: Clock | None = None) -> tuple[Follower, SessionCache]:
    """Follow until the script is over."""
    cache = SessionCache(Changes())
    api = cast("KubernetesApi", script)
    follower = Follower(api, cache, "team", BackendMetrics(), clock or Clock())
    running = asyncio.create_task(follower.run())
    async with asyncio.timeout(20):
        await script.over.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return follower, cache


def event(kind: str, uid: str, version: int) -> dict[str, Any]:
    return {"type": kind, "object": body(uid, version)}


def bookmark(version: int) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}


def names(cache: SessionCache) -> set[str]:
    return {session.metadata.name for session in cache.list()}


async def test_a_watch_goes_on_from_the_last_event_or_bookmark() -> None:
    script = Script(
        [[Page([body("a", 3)], "5"), Page([body("b", 4)], "5")]],
        [event("ADDED", "c", 7), None],
        [bookmark(20), None],
        [None],
    )
    _, cache = await followed(script)
    assert script.asked == [
        "list",
        "watch from 5",
        "watch from 7",
        "watch from 20",
        "watch from 20",
    ]
    assert names(cache) == {"a-3", "b-4", "c-7"}


@pytest.mark.parametrize("begins", [True, False], ids=["at its beginning", "within the stream"])
async def test_what_is_not_known_any_more_is_listed_anew(begins: bool) -> None:
    broken: list[Step] = [ObjectGoneError()]
    if not begins:
        broken.insert(0, event("ADDED", "b", 6))
    script = Script([[Page([body("a", 3)], "5")], [Page([body("c", 30)], "40")]], broken)
    _, cache = await followed(script)
    assert script.asked == ["list", "watch from 5", "list", "watch from 40"]
    assert names(cache) == {"c-30"}


async def test_a_failure_costs_no_list() -> None:
    script = Script(
        [[Page([], "5")]], [UnavailableError(cause="reset")], [event("ADDED", "a", 6), None]
    )
    _, cache = await followed(script)
    assert script.asked == ["list", "watch from 5", "watch from 5", "watch from 6"]
    assert names(cache) == {"a-6"}


async def test_a_list_that_fails_or_expires_half_way_is_begun_anew() -> None:
    script = Script([UnavailableError(), ObjectGoneError(), [Page([body("a", 3)], "5")]])
    _, cache = await followed(script)
    assert script.asked == ["list", "list", "list", "watch from 5"]
    assert names(cache) == {"a-3"}


async def test_after_an_outage_a_short_watch_tells_that_it_is_over() -> None:
    clock = Clock()

    def pass_time() -> None:
        if len(script.seconds) == 1:
            clock.seconds += LAG_SECONDS + 1

    script = Script([[Page([], "5")]], [UnavailableError()], [None])
    script.meanwhile = pass_time
    follower, _ = await followed(script, clock)
    first, second, third = script.seconds
    assert second < 5 < first < LAG_SECONDS
    assert 5 < third < LAG_SECONDS
    assert follower.alive


async def test_it_is_alive_while_it_has_heard_something_a_short_while_ago() -> None:
    clock = Clock()
    api = cast("KubernetesApi", Script([]))
    idle = Follower(api, SessionCache(Changes()), "team", BackendMetrics(), clock)
    assert not idle.alive
    follower, _ = await followed(Script([[Page([], "5")]]), clock)
    assert follower.alive
    clock.seconds += LAG_SECONDS
    assert follower.alive
    clock.seconds += 1
    assert not follower.alive
