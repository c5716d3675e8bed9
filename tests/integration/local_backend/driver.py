"""Drives a local backend whose runner is the stand-in, and waits for what it says."""

import asyncio
import json
import os
import select
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import SecretStr
from redis.asyncio import Redis

from moorage_api.base import now
from moorage_api.resources import ClaudeSession, Phase, SessionSpec
from moorage_gateway.auth.access import id_of
from moorage_gateway.backends.interface import NewSession
from moorage_gateway.backends.local import LocalBackend, LocalSettings

T = TypeVar("T")
STAND_IN = Path(__file__).with_name("stand_in_runner.py")
PATIENCE = 20.0


class Driver:
    """One backend after another over the same folder and Redis."""

    def __init__(self, home: Path, redis: Redis, redis_url: str) -> None:
        self.home = home
        self.redis = redis
        self._redis_url = redis_url
        self.waiting_inputs: set[str] = set()
        self.ahead = timedelta()

    def settings(self, **changes: Any) -> LocalSettings:
        values: dict[str, Any] = {
            "home": self.home,
            "redis_url": self._redis_url,
            "anthropic_base_url": "http://127.0.0.1:9",
            "anthropic_credential": SecretStr("scripted"),
            "runner": (sys.executable, str(STAND_IN)),
            "warm": False,
            "grace_seconds": 5.0,
            "sweep_seconds": 0.2,
            "environment": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        }
        return LocalSettings.model_validate(values | changes)

    @asynccontextmanager
    async def backend(self, **changes: Any) -> AsyncIterator[LocalBackend]:
        async def open_inputs(session_id: str) -> bool:
            return session_id in self.waiting_inputs

        opened = LocalBackend.open(
            self.settings(**changes),
            self.redis,
            open_inputs=open_inputs,
            clock=lambda: now() + self.ahead,
        )
        async with opened as backend:
            yield backend

    def workspace(self, session_id: str) -> Path:
        return self.home / "sessions" / session_id / "workspace"

    def starts(self, session_id: str) -> int:
        file = self.workspace(session_id) / "starts"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def environment(self, session_id: str) -> dict[str, dict[str, str]]:
        body = (self.workspace(session_id) / "environment.json").read_text()
        found: dict[str, dict[str, str]] = json.loads(body)
        return found

    def pid(self, session_id: str, what: str = "starts") -> int:
        return int((self.workspace(session_id) / what).read_text().split()[-1])


def new_session(prompt: str, **spec: Any) -> NewSession:
    values = {
        "repository": {"url": "https://example.org/a.git"},
        "prompt": prompt,
        "retry": {"backoff": "1ms"},
    }
    creation_id = str(uuid4())
    return NewSession(
        creation_id=creation_id,
        name=f"s-{creation_id[:8]}",
        spec=SessionSpec.model_validate(values | spec),
        labels={},
    )


async def create(backend: LocalBackend, new: NewSession) -> str:
    """Create a session and return its id."""
    return id_of(await backend.create(new))


async def until(
    backend: LocalBackend, session_id: str, holds: Callable[[ClaudeSession], bool]
) -> ClaudeSession:
    """Wait until the watch reports the session so."""
    last: ClaudeSession | None = None
    try:
        async with asyncio.timeout(PATIENCE):
            async for change in backend.watch():
                if change.session.metadata.uid == session_id:
                    last = change.session
                    if change.kind == "changed" and holds(last):
                        return last
    except TimeoutError:
        raise AssertionError(f"it never came so; at last: {last}") from None
    raise AssertionError(f"the watch ended; at last: {last}")


async def until_phase(backend: LocalBackend, session_id: str, phase: Phase) -> ClaudeSession:
    return await until(backend, session_id, lambda each: each.status.phase is phase)


def gone(pid: int, seconds: float = PATIENCE) -> bool:
    """Wait for the end of a process that is not a child of ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


async def eventually(check: Callable[[], T]) -> T:
    """Ask until the answer is true: for what reports nothing by itself."""
    for _ in range(int(PATIENCE / 0.01)):
        if found := check():
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("it never came so")


def present(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def conditions(session: ClaudeSession) -> dict[str, tuple[str, str]]:
    return {each.type: (each.status, each.reason) for each in session.status.conditions}
