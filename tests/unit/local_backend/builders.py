"""Sessions as the local backend holds them, with sensible defaults."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moorage_api.resources import Activity, ClaudeSession, ObjectMeta, Phase, SessionSpec
from moorage_api.state import SessionState
from moorage_gateway.backends.local.observation import Observed
from moorage_gateway.backends.local.status import describe

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return the moment so many seconds after the session's creation."""
    return START + timedelta(seconds=seconds)


def a_session(**spec: Any) -> ClaudeSession:
    values: dict[str, Any] = {"repository": {"url": "https://example.org/a.git"}}
    return ClaudeSession(
        metadata=ObjectMeta(name="s", uid="u", generation=1, creation_timestamp=START),
        spec=SessionSpec.model_validate(values | spec),
    )


def a_state(activity: Activity | None = Activity.IDLE, **changes: Any) -> SessionState:
    values: dict[str, Any] = {
        "phase": Phase.READY,
        "activity": activity,
        "last_activity_at": START,
    }
    return SessionState(**(values | changes))


def running(since: float = 0, **changes: Any) -> Observed:
    return replace(Observed(running=True, since=at(since)), **changes)


def ready(session: ClaudeSession | None = None, **changes: Any) -> tuple[ClaudeSession, Observed]:
    """Return a session that is Ready since its creation."""
    seen = running(state=changes.pop("state", a_state()), **changes)
    return describe(session or a_session(), seen, START), seen


def with_status(session: ClaudeSession, **changes: Any) -> ClaudeSession:
    return session.model_copy(update={"status": session.status.model_copy(update=changes)})


def marked_deleted(session: ClaudeSession) -> ClaudeSession:
    metadata = session.metadata.model_copy(update={"deletion_timestamp": START})
    return session.model_copy(update={"metadata": metadata})
