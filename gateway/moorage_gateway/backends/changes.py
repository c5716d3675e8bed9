"""Tells watchers what changed. Each gets the newest word on a session, not every one before it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress

from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.interface import SessionChange


class _Watcher:
    """What one watcher has not been told yet: at most one change a session, so it is bounded."""

    def __init__(self, present: Iterable[ClaudeSession]) -> None:
        self.pending = {str(each.metadata.uid): SessionChange("changed", each) for each in present}
        self.wake = asyncio.Event()


class Changes:
    """All watchers of one backend."""

    def __init__(self) -> None:
        self._watchers: list[_Watcher] = []
        self._closed = False

    def tell(self, change: SessionChange) -> None:
        """Pass a change on to every watcher."""
        for watcher in self._watchers:
            watcher.pending[str(change.session.metadata.uid)] = change
            watcher.wake.set()

    def close(self) -> None:
        """End every watch, once it was told what is pending."""
        self._closed = True
        for watcher in self._watchers:
            watcher.wake.set()

    async def watch(
        self, present: Callable[[], Iterable[ClaudeSession]]
    ) -> AsyncIterator[SessionChange]:
        """Yield each of ``present`` as changed, then each change, until closed."""
        watcher = _Watcher(present())
        self._watchers.append(watcher)
        try:
            while True:
                while watcher.pending:
                    yield watcher.pending.pop(next(iter(watcher.pending)))
                if self._closed:
                    return
                await watcher.wake.wait()
                watcher.wake.clear()
        finally:
            with suppress(ValueError):
                self._watchers.remove(watcher)
