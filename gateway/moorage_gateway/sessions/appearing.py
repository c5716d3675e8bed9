"""Waits for a session that exists to be known here: another replica may have made it just now."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.interface import SessionBackend, SessionChange, SessionMissing

PATIENCE_SECONDS: Final = 5.0
"""How far this replica's watch may lag behind before a session counts as gone."""


async def appeared(
    backend: SessionBackend, session_id: str, seconds: float = PATIENCE_SECONDS
) -> ClaudeSession | None:
    """Return the session as soon as the backend's watch shows it; None if it does not in time."""
    try:
        return backend.get(session_id)
    except SessionMissing:
        pass
    changes = backend.watch()
    try:
        async with asyncio.timeout(seconds):
            return await _seen(changes, session_id)
    except TimeoutError:
        return None
    finally:
        if isinstance(changes, AsyncGenerator):
            await changes.aclose()


async def _seen(changes: AsyncIterator[SessionChange], session_id: str) -> ClaudeSession | None:
    async for change in changes:
        if change.kind == "changed" and change.session.metadata.uid == session_id:
            return change.session
    return None
