"""Anthropic's API, passed through: the session's token goes, the key comes, what it uses counts."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import structlog
from aiohttp import web

from moorage_gateway.credential_proxy.asked import passed_on, read_asked
from moorage_gateway.credential_proxy.budgets import Booking, Budgets
from moorage_gateway.credential_proxy.errors import KeyRefused, ProxyError, TooLarge
from moorage_gateway.credential_proxy.metrics import Metrics
from moorage_gateway.credential_proxy.passes import Passes, Session
from moorage_gateway.credential_proxy.prices import Prices
from moorage_gateway.credential_proxy.tokens import token_of
from moorage_gateway.credential_proxy.upstreams import Call, Upstreams
from moorage_gateway.credential_proxy.usage import Reader, StreamReader, Usage, WholeReader

_log = structlog.get_logger(__name__)
_UNAUTHORIZED: Final = 401
_BAD: Final = 400
_LONGEST_NAME: Final = 80
_RETURNED: Final = frozenset(
    {"content-type", "content-length", "content-encoding", "cache-control", "retry-after"}
    | {"request-id", "x-should-retry"}
)
_RETURNED_PREFIX: Final = "anthropic-ratelimit-"
_EVENTS: Final = "text/event-stream"
_BOUNDARY: Final = b"\n\n"
BROKEN_OFF: Final = (aiohttp.ClientError, TimeoutError, OSError)
"""What reading an upstream's answer raises where it breaks off."""


@dataclass(slots=True)
class Exchange:
    """One request and what became of it."""

    request: web.Request
    session: Session
    booking: Booking
    model: str
    input: int = 0
    """Tokens of input, estimated: what is charged where an upstream took a request and went."""
    reader: Reader | None = None
    upstream: str = ""
    status: int = 0
    """Of the upstream's answer; 0: there was none."""
    sent: bool = False
    began: float = field(default_factory=time.monotonic)
    first_byte: float | None = None
    closed: bool = False

    @property
    def used(self) -> Usage | None:
        """What is to be charged; None: nothing."""
        if self.status >= _BAD or not self.sent:
            return None
        told = self.reader.usage if self.reader is not None else None
        return told or Usage(input=self.input)


class ModelProxy:
    """The endpoints."""

    def __init__(
        self,
        passes: Passes,
        budgets: Budgets,
        prices: Prices,
        upstreams: Upstreams,
        metrics: Metrics,
        seconds: int,
    ) -> None:
        self._passes = passes
        self._budgets = budgets
        self._prices = prices
        self._upstreams = upstreams
        self._metrics = metrics
        self._seconds = seconds

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/messages."""
        session = await self._passes.session(token_of(request.headers))
        body = await read_body(request)
        asked = await read_asked(body)
        self._upstreams.serving(asked.model)
        rate = self._prices.of(asked.model)
        booking = await self._budgets.book(session, rate, asked.estimate, self._seconds)
        exchange = Exchange(request, session, booking, asked.model, asked.estimate.input)
        return await self._answer(exchange, body)

    async def unmetered(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/messages/count_tokens, GET /v1/models and one of them: they cost nothing."""
        session = await self._passes.session(token_of(request.headers))
        body = await read_body(request) if request.method == "POST" else None
        model = (await read_asked(body)).model if body is not None else ""
        if model:
            self._upstreams.serving(model)
        booking = await self._budgets.admit(session, self._seconds)
        return await self._answer(Exchange(request, session, booking, model), body)

    async def _answer(self, exchange: Exchange, body: bytes | None) -> web.StreamResponse:
        request = exchange.request
        headers = passed_on(request.headers)
        call = Call(request.method, request.path, request.query_string, headers, body)
        exchange.sent = True
        try:
            async with self._upstreams.answer(exchange.model or None, call) as (name, answer):
                exchange.upstream, exchange.status = name, answer.status
                if answer.status == _UNAUTHORIZED:
                    _log.error("an upstream refuses its key", upstream=name)
                    raise KeyRefused(name)
                return await self._relay(exchange, answer)
        except ProxyError:
            exchange.sent = exchange.reader is not None
            raise
        finally:
            # Shielded: whoever goes away has used what it used.
            await asyncio.shield(self._close(exchange))

    async def _relay(
        self, exchange: Exchange, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        streams = answer.content_type == _EVENTS
        reader = exchange.reader = StreamReader() if streams else WholeReader()
        reply = web.StreamResponse(status=answer.status, headers=_returned(answer.headers))
        await reply.prepare(exchange.request)
        try:
            async for chunk in answer.content.iter_any():
                exchange.first_byte = exchange.first_byte or time.monotonic()
                reader.feed(chunk)
                if isinstance(reader, StreamReader) and not await _affords(exchange, reader):
                    end = len(chunk) if reader.between_events else _whole_events(chunk)
                    if end:
                        await reply.write(chunk[:end] + exchange.booking.spent().event())
                        break
                await reply.write(chunk)
        except BROKEN_OFF as error:
            _log.warning("broken off", session=exchange.session.id, cause=type(error).__name__)
            if exchange.request.transport is not None:
                exchange.request.transport.close()  # without an end, as it came
            return reply
        await self._close(exchange)  # before its end is told: what follows finds it counted
        await reply.write_eof()
        return reply

    async def _close(self, exchange: Exchange) -> None:
        """Charge what was used, once."""
        if exchange.closed:
            return
        exchange.closed = True
        used = exchange.used
        cost = await exchange.booking.close(used)
        now = time.monotonic()
        first = (exchange.first_byte or now) - exchange.began
        self._metrics.answered(exchange.upstream, exchange.status, first, used, cost)
        _log.info(
            "model",
            session=exchange.session.id,
            namespace=exchange.session.grant.namespace,
            path=exchange.request.path,
            model=exchange.model[:_LONGEST_NAME],
            upstream=exchange.upstream,
            status=exchange.status,
            first_byte_ms=round(first * 1000),
            duration_ms=round((now - exchange.began) * 1000),
            input_tokens=used.input + used.cache_read + used.cache_write if used else 0,
            output_tokens=used.output if used else 0,
            micro_usd=cost,
        )


async def read_body(request: web.Request) -> bytes:
    """Return a request's body.

    Raises:
        TooLarge: It is larger than allowed.
    """
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge(request.client_max_size) from None


async def _affords(exchange: Exchange, reader: StreamReader) -> bool:
    usage = reader.usage
    return usage is None or await exchange.booking.affords(usage)


def _whole_events(chunk: bytes) -> int:
    """Return how many bytes of a piece belong to events that end in it."""
    place = chunk.rfind(_BOUNDARY)
    return 0 if place < 0 else place + len(_BOUNDARY)


def _returned(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name.lower() in _RETURNED or name.lower().startswith(_RETURNED_PREFIX)
    }
