"""Which benches there are, and on what each is run."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import aiohttp
from redis.asyncio import Redis

from moorage_api.redis_client import make_redis
from moorage_scripted_model import Step, Text, running_model, script_prompt
from moorage_testing.proxy_process import ProxyProcess, proxy_process
from moorage_testing.proxying import admit
from moorage_testing.redis import running_redis
from performance.figures import Figure, Measured, at_least, at_most
from performance.procfs import cpu_seconds

_BYTES: Final = 50_000
"""About what Claude Code sends."""

_PAUSE_MS: Final = 100.0
_WORDS: Final = 20


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    requests: int
    streams: int


FULL: Final = Effort(requests=1000, streams=200)
QUICK: Final = Effort(requests=100, streams=200)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the model."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class _Stage:
    client: aiohttp.ClientSession
    direct: Way
    proxied: Way
    process: ProxyProcess
    redis: Redis

    async def ask(self, way: Way, body: bytes) -> tuple[float, int]:
        """Ask once; return the seconds to the first byte, and the bytes of the answer."""
        headers = {"Authorization": f"Bearer {way.token}", "Content-Type": "application/json"}
        began = time.perf_counter()
        async with self.client.post(f"{way.url}/v1/messages", data=body, headers=headers) as answer:
            answer.raise_for_status()
            size = len(await answer.content.readany())
            first = time.perf_counter() - began
            return first, size + len(await answer.read())


def first_byte(effort: Effort) -> Iterator[Measured]:
    """Ask one after the other, direct and proxied by turns."""
    yield asyncio.run(_staged(lambda stage: _first_byte(stage, effort)))


def at_once(effort: Effort) -> Iterator[Measured]:
    """Have many streams at once, each of a session of its own with a budget."""
    yield asyncio.run(_staged(lambda stage: _at_once(stage, effort)))


BENCHES: Final[dict[str, Callable[[Effort], Iterator[Measured]]]] = {
    "first-byte": first_byte,
    "at-once": at_once,
}


async def _first_byte(stage: _Stage, effort: Effort) -> Measured:
    body = _body(Step.of(Text(text="Hello.")))
    taken: dict[str, list[float]] = {"direct": [], "proxied": []}
    for _ in range(effort.requests):
        for name, way in (("direct", stage.direct), ("proxied", stage.proxied)):
            taken[name].append((await stage.ask(way, body))[0] * 1000)
    over = median(taken["proxied"]) - median(taken["direct"])
    bench = "proxy: one request after the other"
    figures = [Figure(bench, "added to the first byte, p50", round(over, 2), "ms", at_most(3))]
    for name, values in taken.items():
        p99 = quantiles(values, n=100)[98]
        figures += [
            Figure(bench, f"first byte, {name}, p50", round(median(values), 2), "ms"),
            Figure(bench, f"first byte, {name}, p99", round(p99, 2), "ms"),
        ]
    return Measured(figures, {"milliseconds": taken})


async def _at_once(stage: _Stage, effort: Effort) -> Measured:
    body = _body(Step.of(Text(text="word " * _WORDS), pause_ms=_PAUSE_MS, chunk=5))
    one = (await stage.ask(stage.direct, body))[1]
    tokens = [(await admit(stage.redis, maxCostUsd=100))[1] for _ in range(effort.streams)]
    began, used = time.perf_counter(), cpu_seconds(stage.process.process.pid)
    ways = [Way(stage.process.url, token) for token in tokens]
    answers = await asyncio.gather(*[stage.ask(way, body) for way in ways], return_exceptions=True)
    seconds = time.perf_counter() - began
    used = cpu_seconds(stage.process.process.pid) - used
    whole = [each for each in answers if isinstance(each, tuple) and each[1] >= one * 0.95]
    firsts = [first * 1000 for first, _ in whole]
    bench = f"proxy: {effort.streams} streams at once, one process"
    figures = [
        Figure(bench, "streams that came whole", len(whole), "", at_least(effort.streams)),
        Figure(bench, "first byte, p50", round(median(firsts), 1), "ms"),
        Figure(bench, "until all had ended", round(seconds, 2), "s"),
        Figure(bench, "processor of the proxy", round(used / seconds, 2), "cores"),
    ]
    failed = [repr(each) for each in answers if not isinstance(each, tuple)]
    return Measured(figures, {"first_byte_ms": firsts, "failed": failed})


def _body(step: Step) -> bytes:
    """Return a request as large as Claude Code's."""
    prompt = script_prompt([step], "x" * _BYTES)
    messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
    tool = {"name": "Bash", "input_schema": {"type": "object"}}
    asked = {"model": "claude-sonnet-4-5", "max_tokens": 1000, "stream": True, "tools": [tool]}
    return json.dumps({**asked, "messages": messages}).encode()


async def _staged(measure: Callable[[_Stage], Awaitable[Measured]]) -> Measured:
    async with _stage() as stage:
        return await measure(stage)


@asynccontextmanager
async def _stage() -> AsyncIterator[_Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="moorage-bench-") as name,
        running_redis() as server,
        running_model() as model,
        proxy_process(Path(name), server.url, model.url, SESSIONS__PER_MINUTE="100000") as process,
    ):
        redis = make_redis(server.url)
        _, token = await admit(redis, maxCostUsd=10_000)
        connector = aiohttp.TCPConnector(limit=0)
        async with redis, aiohttp.ClientSession(connector=connector) as client:
            direct, proxied = Way(model.url, "direct"), Way(process.url, token)
            yield _Stage(client, direct, proxied, process, redis)
