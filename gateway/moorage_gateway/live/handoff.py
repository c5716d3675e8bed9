"""Takes a stream over from the application once it has begun.

A stream lasts for hours, and all that time everything that led to it would be kept: a dozen nested
calls of middlewares, routing and dependencies, about half of a client's memory, and each write
would go through their wrappers of ``send``. So the response, within the application, only sends its
head; then the application returns as from any short request, and here, outside of it, the stream
goes on. Without this middleware (it must be the first) a stream goes on where it began.
"""

from typing import Final, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

_KEY: Final = "moorage.handoff"
_NEEDED: Final = frozenset(
    {"type", "asgi", "http_version", "scheme", "method", "path", "server", "client"}
)
"""What the server itself reads of a scope; the rest holds on to the application's objects."""


class Stream(Protocol):
    """A response whose head was sent."""

    async def stream(self, receive: Receive, send: Send) -> None:
        """Send the rest."""
        ...

    def leave(self) -> None:
        """Give up what it holds: it is over, or never began."""
        ...


def hand_over(scope: Scope, stream: Stream) -> bool:
    """Have the stream go on outside of the application. False if nobody takes it there.

    Who takes it has it leave.
    """
    taken: list[Stream] | None = scope.get(_KEY)
    if taken is None:
        return False
    taken.append(stream)
    return True


class StreamHandoff:
    """The outermost middleware: where streams go on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        taken: list[Stream] = []
        scope[_KEY] = taken
        try:
            await self._app(scope, receive, send)
            for stream in taken:
                for name in [name for name in scope if name not in _NEEDED]:
                    del scope[name]
                await stream.stream(receive, send)
        finally:
            for stream in taken:
                stream.leave()
