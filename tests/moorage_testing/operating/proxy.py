"""A proxy between the operator and the API server: true by default, faulty on command.

Plain HTTP on one side, TLS with the API server's certificate on the other; the operator's own
token goes through, so its rules still count. Requests are counted, for "no write where nothing
changed" and for "killed at the n-th write".
"""

import asyncio
import json
import threading
from typing import Any, Final

import aiohttp
from aiohttp import web

from moorage_testing.controlplane.api import Server
from moorage_testing.operating.background import Background
from moorage_testing.operating.faults import (
    Answer,
    Asked,
    Cut,
    Dropped,
    Fault,
    GoneEvent,
    Held,
    Hidden,
    Late,
    Stale,
    status_object,
)
from moorage_testing.operating.watching import abort, trusting

_PASSED_ON: Final = ("Authorization", "Content-Type", "Accept", "User-Agent")
_LARGEST: Final = 64 * 1024 * 1024
_GONE: Final = 410
_LONGEST_HELD: Final = 60.0
_FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError)


class FaultyProxy:
    """The proxy. Faults are added and removed by tests, in any thread."""

    def __init__(self, background: Background, server: Server) -> None:
        self._background = background
        self._server = server
        self._faults: list[Fault] = []
        self._hidden: list[Hidden] = []
        self._streams: set[asyncio.Event] = set()
        self._remembered: dict[str, tuple[int, str, bytes]] | None = None
        self._client: aiohttp.ClientSession | None = None
        self.url = ""
        self.asked: list[Asked] = []
        """All requests so far, in their order."""
        self.writes: list[Asked] = []
        """Those of them that write, the Lease's apart."""
        self.halted = threading.Event()
        """Set when the write to halt at has come (``halt_at_write``)."""
        self._halt_at: int | None = None
        self._halt_done = False

    def start(self) -> None:
        """Serve on a free port of loopback, until the background ends."""
        ready = threading.Event()
        self._background.spawn(self._serve(ready))
        if not ready.wait(10):
            self._background.check()
            raise TimeoutError("the proxy does not serve")

    def add(self, fault: Fault) -> None:
        """Have this fault from now on."""
        self._faults.append(fault)

    def hide(self, hidden: Hidden) -> None:
        """Keep these events from watches, also from those that run."""
        self._hidden.append(hidden)

    def heal(self) -> None:
        """Be true again."""
        self._faults.clear()
        self._hidden.clear()
        self._halt_at = None
        self.halted.clear()

    def cut_watches(self) -> int:
        """Close all watches that run, as a load balancer does; return how many there were."""
        streams = list(self._streams)
        for each in streams:
            self._background.loop.call_soon_threadsafe(each.set)
        return len(streams)

    def remember(self) -> None:
        """Keep the first answer to each GET from now on, for a Stale to give again."""
        self._remembered = {}

    @property
    def armed(self) -> bool:
        """Whether a write to halt at is still to come."""
        return self._halt_at is not None and not self.halted.is_set()

    def halt_at_write(self, number: int, *, done: bool) -> None:
        """Hold the n-th write from now on, before or after it is done; ``halted`` tells of it."""
        self.halted.clear()
        self._halt_done = done
        self._halt_at = len(self.writes) + number

    def await_halt(self, seconds: float) -> None:
        """Wait until the write to halt at has come.

        Raises:
            TimeoutError: if there is none within that time.
        """
        if not self.halted.wait(seconds):
            raise TimeoutError(f"no write to halt at in {seconds} s")

    async def _serve(self, ready: threading.Event) -> None:
        application = web.Application(client_max_size=_LARGEST)
        application.router.add_route("*", "/{path:.*}", self._handle)
        connector = aiohttp.TCPConnector(ssl=trusting(self._server), limit=0)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, read_bufsize=_LARGEST
        ) as self._client:
            runner = web.AppRunner(
                application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
            )
            await runner.setup()
            try:
                site = web.TCPSite(runner, "127.0.0.1", 0)
                await site.start()
                port = runner.addresses[0][1]
                self.url = f"http://127.0.0.1:{port}"
                ready.set()
                await asyncio.Event().wait()
            finally:
                await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(request.method, request.path, request.query.get("watch") in {"true", "1"})
        self.asked.append(asked)
        if asked.write:
            self.writes.append(asked)
        halts = asked.write and len(self.writes) == self._halt_at
        fault = next((each for each in self._faults if each.which.take(asked)), None)
        if (instead := await self._instead(request, fault)) is not None:
            return instead
        if halts and not self._halt_done:
            await self._halt()
        try:
            if asked.watch:
                return await self._watch(request, fault)
            response = await self._pass_on(request)
        except _FAILURES:
            return _dropped(request)
        if halts:
            await self._halt()
        return await self._spoiled(request, response, fault)

    async def _instead(
        self, request: web.Request, fault: Fault | None
    ) -> web.StreamResponse | None:
        """Return what is answered without the API server; None to pass it on."""
        match fault:
            case Answer():
                return _refusal(fault)
            case Dropped(done=False):
                return _dropped(request)
            case Held():
                fault.come.set()
                await asyncio.to_thread(fault.released.wait, _LONGEST_HELD)
            case Stale():
                return self._recall(request)
        return None

    async def _halt(self) -> None:
        """Hold the request until its sender is gone, which cancels this."""
        self.halted.set()
        await asyncio.Event().wait()

    async def _spoiled(
        self, request: web.Request, response: web.Response, fault: Fault | None
    ) -> web.StreamResponse:
        match fault:
            case Late():
                await asyncio.sleep(fault.seconds)
            case Dropped():
                return _dropped(request)
            case Cut():
                return await _half(request, response)
        return response

    async def _pass_on(self, request: web.Request) -> web.Response:
        async with self._ask(request) as answer:
            body = await answer.read()
            kind = answer.headers.get("Content-Type", "application/json")
            if request.method == "GET" and self._remembered is not None:
                self._remembered.setdefault(request.path, (answer.status, kind, body))
            headers = {"Content-Type": kind}
            if "Retry-After" in answer.headers:
                headers["Retry-After"] = answer.headers["Retry-After"]
            return web.Response(status=answer.status, body=body, headers=headers)

    def _ask(self, request: web.Request) -> Any:
        assert self._client is not None
        headers = {key: request.headers[key] for key in _PASSED_ON if key in request.headers}
        return self._client.request(
            request.method,
            f"{self._server.url}{request.raw_path}",
            data=request.content if request.body_exists else None,
            headers=headers,
        )

    def _recall(self, request: web.Request) -> web.Response | None:
        if self._remembered is None or request.path not in self._remembered:
            return None
        status, kind, body = self._remembered[request.path]
        return web.Response(status=status, body=body, headers={"Content-Type": kind})

    async def _watch(self, request: web.Request, fault: Fault | None) -> web.StreamResponse:
        async with self._ask(request) as answer:
            stream = web.StreamResponse(status=answer.status)
            stream.content_type = "application/json"
            await stream.prepare(request)
            if isinstance(fault, GoneEvent):
                event = {"type": "ERROR", "object": status_object(_GONE)}
                await stream.write(json.dumps(event).encode() + b"\n")
                return stream
            cut = asyncio.Event()
            self._streams.add(cut)
            try:
                await self._copy(answer, stream, request.path, cut)
            finally:
                self._streams.discard(cut)
                abort(answer)
        return _dropped(request) if cut.is_set() else stream

    async def _copy(
        self,
        answer: aiohttp.ClientResponse,
        stream: web.StreamResponse,
        path: str,
        cut: asyncio.Event,
    ) -> None:
        copying = asyncio.create_task(self._copy_lines(answer, stream, path))
        cutting = asyncio.create_task(cut.wait())
        try:
            await asyncio.wait({copying, cutting}, return_when=asyncio.FIRST_COMPLETED)
            if copying.done():
                copying.result()
        finally:
            for task in (copying, cutting):
                task.cancel()
            await asyncio.gather(copying, cutting, return_exceptions=True)

    async def _copy_lines(
        self, answer: aiohttp.ClientResponse, stream: web.StreamResponse, path: str
    ) -> None:
        async for line in answer.content:
            if not self._hides(line, path):
                await stream.write(line)

    def _hides(self, line: bytes, path: str) -> bool:
        if not self._hidden:
            return False
        kind = json.loads(line)["type"]
        return any(each.type in {kind, None} and each.part in path for each in self._hidden)


def _refusal(fault: Answer) -> web.Response:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return web.json_response(fault.body, status=fault.status, headers=headers)


def _dropped(request: web.Request) -> web.Response:
    """Close the connection; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)


async def _half(request: web.Request, response: web.Response) -> web.StreamResponse:
    body = response.body
    assert isinstance(body, bytes)
    stream = web.StreamResponse(status=response.status)
    stream.content_type = "application/json"
    stream.content_length = len(body)
    await stream.prepare(request)
    await stream.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return stream
