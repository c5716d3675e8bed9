"""Follows the objects of one kind, through restarts of the API server and whatever else happens.

Level-triggered: whoever follows hears of each object as it is, and once of its end. Between two
listings every single change is heard, in its order.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from moorage_testing.controlplane.api import Account, Object, Server

Heard = Callable[[str, Object], None]
"""Takes ADDED, MODIFIED or DELETED, and the object."""

_AGAIN: Final = 0.1
_GONE: Final = 410
_LONGEST_LINE: Final = 4 * 1024 * 1024
_FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError)


def trusting(server: Server) -> ssl.SSLContext:
    """Return a context that trusts the API server's own certificate and nothing else."""
    context = ssl.create_default_context(cafile=str(server.certificate))
    # Go's self-signed certificates lack an extension that Python 3.13 asks for by default.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def connected(server: Server, account: Account) -> aiohttp.ClientSession:
    """Return a client with the account's token, to be closed."""
    return aiohttp.ClientSession(
        server.url,
        connector=aiohttp.TCPConnector(ssl=trusting(server), limit=0),
        headers={"Authorization": f"Bearer {account.token}"},
        read_bufsize=_LONGEST_LINE,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
    )


def abort(answer: aiohttp.ClientResponse) -> None:
    """Close the connection of an answer that is not read to its end, without saying goodbye.

    What TLS says at a goodbye takes until the other side answers: longer than a test's loop runs.
    """
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()


@dataclass
class Watch:
    """A watch of one collection."""

    client: aiohttp.ClientSession
    path: str
    heard: Heard
    labels: str = ""

    def __post_init__(self) -> None:
        self._known: dict[str, Object] = {}
        self._version = ""
        self.lists = 0
        """How often it listed; between two listings no change is missed."""

    async def follow(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except _FAILURES:
                await asyncio.sleep(_AGAIN)

    async def _list(self) -> None:
        parameters = {"labelSelector": self.labels} if self.labels else {}
        async with self.client.get(self.path, params=parameters) as answer:
            answer.raise_for_status()
            body = await answer.json()
        there = {each["metadata"]["uid"]: each for each in body["items"]}
        for uid in [uid for uid in self._known if uid not in there]:
            self._take("DELETED", self._known[uid])
        for uid, each in there.items():
            self._take("MODIFIED" if uid in self._known else "ADDED", each)
        self._version = body["metadata"]["resourceVersion"]
        self.lists += 1

    async def _watch(self) -> None:
        async with aclosing(self._events()) as events:
            await self._take_all(events)

    async def _take_all(self, events: AsyncIterator[dict[str, Any]]) -> None:
        async for event in events:
            kind, thing = event["type"], event["object"]
            if kind == "ERROR":
                self._version = "" if thing.get("code") == _GONE else self._version
                return
            self._version = thing["metadata"]["resourceVersion"]
            if kind != "BOOKMARK":
                self._take(kind, thing)

    async def _events(self) -> AsyncGenerator[dict[str, Any]]:
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
        } | ({"labelSelector": self.labels} if self.labels else {})
        async with self.client.get(self.path, params=parameters) as answer:
            if answer.status == _GONE:
                self._version = ""
            answer.raise_for_status()
            try:
                async for line in answer.content:
                    yield json.loads(line)
            finally:
                abort(answer)

    def _take(self, kind: str, thing: Object) -> None:
        uid = thing["metadata"]["uid"]
        if kind == "DELETED":
            self._known.pop(uid, None)
        else:
            self._known[uid] = thing
        self.heard(kind, thing)
