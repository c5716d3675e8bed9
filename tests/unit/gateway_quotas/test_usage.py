"""Which sessions count, as a table: what a watch shows, and what the rows say before it does."""

from datetime import UTC, datetime, timedelta

import pytest

from moorage_api.resources import ClaudeSession, ObjectMeta, Phase, SessionSpec, SessionStatus
from moorage_api.resources.parts import Repository
from moorage_gateway.quotas.usage import LAG, Noted, Usage, usage

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
JUST_NOW = NOW - timedelta(seconds=1)
LONG_AGO = NOW - LAG - timedelta(seconds=1)


def shown(phase: Phase, *, suspend: bool = False) -> ClaudeSession:
    return ClaudeSession(
        metadata=ObjectMeta(name="s", uid="s"),
        spec=SessionSpec(repository=Repository(url="https://git.example.com/x"), suspend=suspend),
        status=SessionStatus(phase=phase),
    )


READY = shown(Phase.READY)
SUSPENDED = shown(Phase.SUSPENDED, suspend=True)
STOPPING = shown(Phase.READY, suspend=True)
ENDED = shown(Phase.SUCCEEDED)


@pytest.mark.parametrize(
    ("session", "note", "running", "created"),
    [
        (None, None, 0, 0),
        (READY, None, 1, 1),  # made with kubectl
        (READY, Noted("s", LONG_AGO, LONG_AGO), 1, 1),
        (READY, Noted("s", JUST_NOW, JUST_NOW), 1, 1),
        (SUSPENDED, Noted("s", LONG_AGO, None), 0, 1),
        (SUSPENDED, Noted("s", LONG_AGO, LONG_AGO), 0, 1),  # suspended for being idle
        (SUSPENDED, Noted("s", LONG_AGO, JUST_NOW), 1, 1),  # resumed at another replica
        (STOPPING, Noted("s", LONG_AGO, None), 0, 1),
        (ENDED, Noted("s", JUST_NOW, JUST_NOW), 0, 1),
        (None, Noted("s", JUST_NOW, JUST_NOW), 1, 1),  # created at another replica
        (None, Noted("s", LONG_AGO, LONG_AGO), 0, 0),  # deleted with kubectl
        (None, Noted("s", JUST_NOW, None), 0, 1),
    ],
)
def test_what_counts(
    session: ClaudeSession | None, note: Noted | None, running: int, created: int
) -> None:
    known = {} if session is None else {"s": session}
    assert usage(known, [note] if note else [], NOW) == Usage(running, created)
