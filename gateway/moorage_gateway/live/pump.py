"""Writes to one client of a stream of server-sent events, straight from where events arrive.

``send`` of an ASGI server returns at once as long as the socket takes what is written. So a
delivery needs no task of the client's own: the coroutine is started right here, and only if it
has to wait (a slow client) a task takes it over. That saves a wake-up chain per delivery and a
task per idle client.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any, Final

from starlette.types import Send

from moorage_gateway.live.outlet import Outlet

RETRY_MS: Final = 2_000
STALLED_SECONDS: Final = 60.0
"""A client that takes nothing at all for so long is given up."""

PING: Final = b": ping\n\n"


class Pump:
    """Moves an outlet's batches to a client, one write for all that waits."""

    __slots__ = ("_blocked", "_blocked_since", "_final", "_outlet", "_send", "broken")

    def __init__(self, send: Send, outlet: Outlet, final: Callable[[], bytes]) -> None:
        self._send = send
        self._outlet = outlet
        self._final = final
        self._blocked: asyncio.Task[None] | None = None
        self._blocked_since = 0.0
        self.broken = False

    def flush(self) -> None:
        """Write what waits, and the end when it has come; while a write waits do nothing."""
        while self._blocked is None and not self.broken:
            batches = self._outlet.take()
            if batches:
                frames = [batch.frame for batch in batches]
                self.write(frames[0] if len(frames) == 1 else b"".join(frames))
            elif self._outlet.end_reason is not None:
                self.broken = True
                self._push({"body": self._final(), "more_body": False})
            else:
                return

    def write(self, frame: bytes) -> None:
        """Write a frame, unless a write waits or the stream is over."""
        if self._blocked is None and not self.broken:
            self._push({"body": frame, "more_body": True})

    @property
    def idle(self) -> bool:
        """Whether everything was written and more can be."""
        return self._blocked is None and not self.broken and self._outlet.empty

    @property
    def stalled(self) -> bool:
        """Whether the client has taken nothing for a long time."""
        now = asyncio.get_running_loop().time()
        return self._blocked is not None and now - self._blocked_since > STALLED_SECONDS

    def stop(self) -> None:
        """Write nothing more."""
        self.broken = True
        if self._blocked is not None:
            self._blocked.cancel()

    def _push(self, message: dict[str, Any]) -> None:
        sending = self._send({"type": "http.response.body", **message})
        steps = sending.__await__()
        try:
            waits_for = next(steps)
        except StopIteration:
            return
        except OSError:  # the client is gone; its request's task is told so
            self.broken = True
            return
        loop = asyncio.get_running_loop()
        self._blocked_since = loop.time()
        self._blocked = loop.create_task(_rest(steps, waits_for))
        self._blocked.add_done_callback(self._unblocked)

    def _unblocked(self, task: asyncio.Task[None]) -> None:
        self._blocked = None
        if task.cancelled() or task.exception() is not None:
            self.broken = True
        else:
            self.flush()


def _rest(steps: Generator[Any, Any, None], waits_for: Any) -> Coroutine[Any, Any, None]:
    """Return what is left of a coroutine that was started by hand, for a task to run."""

    @coroutine
    def going_on() -> Generator[Any, Any, None]:
        nonlocal waits_for
        while True:
            try:
                value = yield waits_for
            except BaseException as error:  # a cancellation goes in there as well
                advance = partial(steps.throw, error)
            else:
                advance = partial(steps.send, value)
            try:
                waits_for = advance()
            except StopIteration:
                return

    async def rest() -> None:  # a task takes no coroutine made of a generator (Python 3.12)
        await going_on()

    return rest()
