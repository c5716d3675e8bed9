"""Where the model is: which upstreams serve it, in which order, with which key."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import aiohttp
import structlog
from yarl import URL

from moorage_gateway.credential_proxy.errors import NotServed, UpstreamFailed
from moorage_gateway.credential_proxy.settings import ModelSettings, Upstream

_log = structlog.get_logger(__name__)
_OVERLOADED: Final = 529
_FAILURES: Final = frozenset({500, 502, 503, 504, _OVERLOADED})
"""Statuses with which an upstream says that it, and not the request, is the trouble."""

_LONGEST_KEY: Final = 16 * 1024


class KeyFile:
    """A key in a file, as Kubernetes mounts a Secret: read anew when the file is another."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: tuple[int, int, int] | None = None
        self._key = ""

    def read(self) -> str:
        """Return the key.

        Raises:
            OSError, ValueError: It cannot be read, or is none.
        """
        found = self._path.stat()
        mark = (found.st_ino, found.st_mtime_ns, found.st_size)
        if mark != self._mark:
            with self._path.open("rb") as file:
                key = file.read(_LONGEST_KEY).decode("ascii").strip()
            if not key.isprintable() or not key:
                msg = "the file holds no key"
                raise ValueError(msg)
            self._key, self._mark = key, mark
        return self._key


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it goes upstream, but for the key."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | None


class Upstreams:
    """All upstreams, over one client."""

    def __init__(self, client: aiohttp.ClientSession, settings: ModelSettings) -> None:
        self._client = client
        self._all = [(each, KeyFile(each.key_file)) for each in settings.upstreams]
        self._timeout = aiohttp.ClientTimeout(
            total=settings.longest_seconds,
            connect=settings.connect_seconds,
            sock_read=settings.silence_seconds,
        )

    def serving(self, model: str | None) -> list[tuple[Upstream, KeyFile]]:
        """Return those that serve a model, in their order; for none, every one.

        Raises:
            NotServed: There is none.
        """
        found = [
            each
            for each in self._all
            if model is None or any(fnmatchcase(model, pattern) for pattern in each[0].models)
        ]
        if not found:
            raise NotServed(f"The model {(model or '')[:80]}")
        return found

    @asynccontextmanager
    async def answer(
        self, model: str | None, call: Call
    ) -> AsyncIterator[tuple[str, aiohttp.ClientResponse]]:
        """Yield the upstream's name and its answer, of which only the head has come.

        The next upstream is asked where one cannot be reached, or says that it is in trouble.

        Raises:
            UpstreamFailed: None answered.
        """
        upstream, response = await self._first(self.serving(model), call)
        try:
            yield upstream.name, response
        finally:
            response.close()  # what was read to its end is reused; else the connection is closed

    async def _first(
        self, candidates: Sequence[tuple[Upstream, KeyFile]], call: Call
    ) -> tuple[Upstream, aiohttp.ClientResponse]:
        reason = "nobody was asked"
        for place, (upstream, key) in enumerate(candidates, 1):
            try:
                response = await self._ask_patiently(upstream, key.read(), call)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                reason = f"{upstream.name} failed ({type(error).__name__})"
                _log.warning("upstream failed", upstream=upstream.name, cause=type(error).__name__)
                continue
            if response.status not in _FAILURES or place == len(candidates):
                return upstream, response
            _log.warning("upstream failed", upstream=upstream.name, status=response.status)
            response.close()
        raise UpstreamFailed(reason)

    async def _ask_patiently(
        self, upstream: Upstream, key: str, call: Call
    ) -> aiohttp.ClientResponse:
        """Ask once more where a connection that was kept open proves to be closed."""
        try:
            return await self._ask(upstream, key, call)
        except aiohttp.ServerDisconnectedError:
            return await self._ask(upstream, key, call)

    async def _ask(self, upstream: Upstream, key: str, call: Call) -> aiohttp.ClientResponse:
        proof = (
            {"Authorization": f"Bearer {key}"} if upstream.auth == "bearer" else {"x-api-key": key}
        )
        query = f"?{call.query}" if call.query else ""
        return await self._client.request(
            call.method,
            URL(f"{upstream.url}{call.path}{query}", encoded=True),
            headers={**call.headers, **proof},
            data=call.body,
            allow_redirects=False,
            timeout=self._timeout,
        )


@asynccontextmanager
async def passing_client(
    connector: aiohttp.TCPConnector,
) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client: no cookies, no proxies of the environment, bodies as they come."""
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"),
    ) as client:
        yield client
    await asyncio.sleep(0)  # lets TLS connections close
