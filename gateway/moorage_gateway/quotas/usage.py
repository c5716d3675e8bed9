"""Counts a user's sessions. Pure.

What runs is known from the resources, which a watch keeps in memory: it may lag behind what another
replica just did. The rows do not lag: a request that makes a session run notes it there, within
the transaction in which it was counted. So a note counts until the watch must have caught up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from moorage_api.resources import ClaudeSession

LAG: Final = timedelta(seconds=60)
"""How far behind a watch is at most."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a session's row says."""

    session_id: str
    created_at: datetime
    run_requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class Usage:
    """How many sessions a user has."""

    running: int
    created: int


def usage(known: Mapping[str, ClaudeSession], noted: Sequence[Noted], moment: datetime) -> Usage:
    """Return how many of a user's sessions run, and how many there are."""
    since = moment - LAG
    recent = {note.session_id for note in noted if note.created_at > since}
    asked = {
        note.session_id
        for note in noted
        if note.run_requested_at is not None and note.run_requested_at > since
    }
    candidates = asked | known.keys()
    running = sum(_runs(known.get(session_id), session_id in asked) for session_id in candidates)
    return Usage(running=running, created=len(known.keys() | recent))


def _runs(session: ClaudeSession | None, asked: bool) -> bool:
    if session is None:
        return asked
    return not session.status.phase.finished and (asked or not session.spec.suspend)
