"""Watches the sessions' backend once per process: who comes, who changes, who goes.

Wiring: ``SessionWatch(backend, hub)``; ``run()`` until cancelled.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import structlog

from moorage_api.backoff import Backoff
from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.interface import SessionBackend, SessionChange, SessionMissing
from moorage_gateway.live.hub import Hub

log = structlog.get_logger(__name__)

Listener = Callable[[SessionChange], None]


class SessionWatch:
    """Ends the streams of deleted sessions, and tells listeners of every change."""

    def __init__(self, backend: SessionBackend, hub: Hub) -> None:
        self._backend = backend
        self._hub = hub
        self._known: dict[str, ClaudeSession] = {}
        self._listeners: set[Listener] = set()

    @property
    def sessions(self) -> list[ClaudeSession]:
        """The sessions there are."""
        return self._backend.list()

    def find(self, session_id: str) -> ClaudeSession | None:
        """Return a session, if there is one."""
        try:
            return self._backend.get(session_id)
        except SessionMissing:
            return None

    def listen(self, listener: Listener) -> None:
        """Have ``listener`` told of changes from now on."""
        self._listeners.add(listener)

    def forget(self, listener: Listener) -> None:
        """Tell ``listener`` no more."""
        self._listeners.discard(listener)

    async def run(self) -> None:
        """Watch until cancelled; a watch that breaks is begun anew."""
        backoff = Backoff(longest=5.0)
        while True:
            try:
                await self._watch(backoff)
            except Exception as error:  # whatever the backend's connection raises
                log.warning("watch of sessions broke", cause=type(error).__name__)
            await asyncio.sleep(backoff.next())

    async def _watch(self, backoff: Backoff) -> None:
        changes: Any = self._backend.watch()
        async with aclosing(changes):
            self._find_gone()
            begun = False
            async for change in changes:
                backoff.reset()
                self._take(change)
                if not begun:
                    begun = True
                    self._find_gone()

    def _find_gone(self) -> None:
        """Notice what was deleted while nobody watched, or just before the watch began."""
        present = {session.metadata.uid for session in self._backend.list()}
        for uid, session in list(self._known.items()):
            if uid not in present:
                self._take(SessionChange("deleted", session))

    def _take(self, change: SessionChange) -> None:
        uid = change.session.metadata.uid
        if uid is None:
            return
        if change.kind == "deleted":
            self._known.pop(uid, None)
            self._hub.end_session(uid, "deleted")
        else:
            self._known[uid] = change.session
        for listener in tuple(self._listeners):
            listener(change)
