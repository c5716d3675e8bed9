"""Sessions with sensible defaults."""

from datetime import UTC, datetime
from typing import Any

from moorage_api.resources import ClaudeSession, ObjectMeta, SessionSpec, SessionStatus
from moorage_api.resources.parts import Repository
from moorage_gateway.sessions.creation import row_for
from moorage_gateway.sessions.view import Known

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def session(name: str = "one", *, owner: str | None = "local", **status: Any) -> ClaudeSession:
    return ClaudeSession(
        metadata=ObjectMeta(name=name, uid=f"id-{name}", creation_timestamp=NOW),
        spec=SessionSpec(repository=Repository(url=f"https://example.com/{name}"), owner=owner),
        status=SessionStatus(**status),
    )


def known(*, prompt: str | None = None, **changes: Any) -> Known:
    status = {key: changes.pop(key) for key in ("phase", "activity") if key in changes}
    made = session(**status)
    made = made.model_copy(update={"spec": made.spec.model_copy(update={"prompt": prompt})})
    return Known(session=made, row=row_for(made, NOW), **changes)
