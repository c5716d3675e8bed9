"""The response that is a stream of server-sent events of one session.

A lean ASGI response: one coroutine per client, which sits in ``receive`` until the client leaves
or the stream is over; what is delivered is written by the pump. (StreamingResponse would cost a
task group, two tasks and a generator each.)
"""

import asyncio
import json
import random
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from moorage_gateway.auth.principal import Principal
from moorage_gateway.live.handoff import hand_over
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.ids import EventId
from moorage_gateway.live.items import Types
from moorage_gateway.live.outlet import EndReason, Outlet
from moorage_gateway.live.pump import PING, RETRY_MS, Pump
from moorage_gateway.live.watch import SessionWatch

_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}


def frame(event: str, data: dict[str, Any], *, retry_ms: int | None = None) -> bytes:
    """Return an event of the stream itself: it has no id."""
    hint = f"retry: {retry_ms}\n" if retry_ms is not None else ""
    return f"{hint}event: {event}\ndata: {json.dumps(data)}\n\n".encode()


class EventStream(Response):
    """Streams what one outlet is given; subclasses say what that is."""

    def __init__(self, hub: Hub, principal: Principal) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self.hub = hub
        self.principal = principal
        self.outlet = Outlet()
        self._pump: Pump | None = None
        self._request: asyncio.Task[Any] | None = None
        self._given_up = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a place and send the head; then stream, here or where somebody takes over.

        Raises:
            StreamsHeld: if the user holds as many streams as one may.
        """
        self.hub.places.take(self.principal.user_id)
        taken_over = False
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            taken_over = hand_over(scope, self)
            if not taken_over:
                await self.stream(receive, send)
        finally:
            if not taken_over:
                self.leave()

    async def stream(self, receive: Receive, send: Send) -> None:
        """Stream until the client leaves or the stream is over."""
        self._request = asyncio.current_task()
        self._pump = pump = Pump(send, self.outlet, self.final)
        starting = None
        self.attach()
        try:
            self.hub.clients.add(self)
            self.outlet.listen(pump.flush)
            starting = asyncio.create_task(self.start(pump))
            starting.add_done_callback(self._started)
            if self.hub.closing:
                self.end("shutdown")
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if not self._given_up:
                raise
        finally:
            self.hub.clients.discard(self)
            self.hub.metrics.ended(self.outlet.end_reason)
            pump.stop()
            if starting is not None:
                starting.cancel()
            self.detach()

    def leave(self) -> None:
        """Give the stream's place back."""
        self.hub.places.leave(self.principal.user_id)

    def attach(self) -> None:
        """Register for what is to be streamed."""
        raise NotImplementedError

    def detach(self) -> None:
        """Undo `attach`."""
        raise NotImplementedError

    async def start(self, pump: Pump) -> None:
        """Greet the client, and give it what it missed."""
        raise NotImplementedError

    def beat(self) -> None:
        """Show that the connection lives; give up a client that takes nothing."""
        pump = self._pump
        if pump is None or self._request is None:
            return
        if pump.stalled:
            self._give_up()
        elif pump.idle:
            pump.write(self.ping())

    def end(self, reason: EndReason) -> None:
        """Say goodbye."""
        self.outlet.end(reason)

    def ping(self) -> bytes:
        """Return the heartbeat."""
        return PING

    def final(self) -> bytes:
        """Return the last words."""
        given = self.outlet.given
        data = {"reason": self.outlet.end_reason, "lastEventId": str(given) if given else None}
        # Not all at once: they were told at one moment that the process ends.
        retry_ms = random.randint(RETRY_MS // 4, RETRY_MS)  # noqa: S311 - jitter
        return frame("end", data, retry_ms=retry_ms)

    def _started(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None and self._request is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "an event stream could not be started", "exception": task.exception()}
            )
            self._give_up()

    def _give_up(self) -> None:
        """End the request without an end of its response: the server cuts the connection."""
        self._given_up = True
        if self._request is not None:
            self._request.cancel()


class SessionStream(EventStream):
    """Streams the events of one session."""

    def __init__(
        self,
        hub: Hub,
        watch: SessionWatch,
        principal: Principal,
        session_id: str,
        after: EventId | None,
        types: Types | None,
    ) -> None:
        super().__init__(hub, principal)
        self._watch = watch
        self._session_id = session_id
        self._after = after
        self._types = types

    def attach(self) -> None:
        """Register at the hub."""
        self._subscription = self.hub.attach(self._session_id, self.outlet, self._types)
        if self._watch.find(self._session_id) is None:  # deleted since it was asked for
            self.end("deleted")

    def detach(self) -> None:
        """Leave the hub."""
        self.hub.detach(self._subscription)

    async def start(self, pump: Pump) -> None:
        """Greet the client with where it stands, and bring it to live."""
        if self._after is not None:
            self._greet(pump, self._after)
        resumption = await self.hub.resolve(self._subscription, self._after)
        if self._after is None:
            self._greet(pump, resumption.position)
        await self.hub.catch_up(self._subscription, resumption)

    def ping(self) -> bytes:
        """Return the heartbeat; with a filter also the position that it has reached."""
        if self._types is None:
            return PING
        at = self._subscription.cursor.position_of(self._subscription)
        return f": ping\nid: {at}\n\n".encode() if at > (0, 0) else PING

    def _greet(self, pump: Pump, at: EventId) -> None:
        self.outlet.given = at
        data = {"sessionId": self._session_id, "lastEventId": str(at)}
        pump.write(frame("connected", data, retry_ms=RETRY_MS))
