"""Sessions that exist without a runner: written down as the local backend keeps them."""

import uuid
from datetime import UTC, datetime
from pathlib import Path

from moorage_api.resources import ClaudeSession, ObjectMeta, Phase, SessionSpec, SessionStatus
from moorage_api.resources.parts import Repository, Timeouts
from moorage_gateway.backends.local.store import SessionStore


def seed_suspended(home: Path, count: int) -> list[str]:
    """Write suspended sessions into a gateway's folder before it starts; return their ids."""
    store = SessionStore(home / "sessions")
    sessions = [_suspended(number) for number in range(count)]
    for session in sessions:
        store.save(session, durable=False)
    return [str(session.metadata.uid) for session in sessions]


def _suspended(number: int) -> ClaudeSession:
    return ClaudeSession(
        metadata=ObjectMeta(
            name=f"bench-{number}",
            uid=str(uuid.uuid4()),
            generation=1,
            resource_version="1",
            creation_timestamp=datetime.now(UTC),
        ),
        spec=SessionSpec(
            repository=Repository(url="https://git.example.com/bench.git"),
            owner="local",
            suspend=True,
            timeouts=Timeouts(lifetime="24h"),
        ),
        status=SessionStatus(phase=Phase.SUSPENDED),
    )
