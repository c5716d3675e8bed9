"""A connection that does not wait for ever: uvicorn's bounds idle ones only, after an answer."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


def connection_for(seconds: float) -> type[HttpToolsProtocol]:
    """Return a protocol that closes connections which take longer to say what they ask for."""

    class Connection(HttpToolsProtocol):
        _closing: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            # A part of a head, or the rest of a body that was answered without being read.
            if self._closing is None and not self._is_asked():
                self._wait()

        def on_headers_complete(self) -> None:
            self._wait_no_more()
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._wait_no_more()
            super().connection_lost(exc)

        def _is_asked(self) -> bool:
            cycle: RequestResponseCycle | None = self.cycle
            return cycle is not None and not cycle.response_complete

        def _wait(self) -> None:
            self._closing = self.loop.call_later(seconds, self.transport.close)

        def _wait_no_more(self) -> None:
            if self._closing is not None:
                self._closing.cancel()
                self._closing = None

    return Connection
