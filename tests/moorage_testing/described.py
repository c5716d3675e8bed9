"""A gateway process with users, and things of theirs for requests made from its description."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from redis.asyncio import Redis
from schemathesis import Case
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation

from moorage_gateway.app import AUTH, BASE
from moorage_testing.accounts import PASSWORD, SECRET, bearer
from moorage_testing.answering import answering, well
from moorage_testing.gateway import state_of_runner
from moorage_testing.gateway_process import gateway_process
from moorage_testing.history import requested
from moorage_testing.http import http_client
from moorage_testing.live import publish
from moorage_testing.operating.background import Background

AnyCase = Case[APIOperation[Any, Any, Any, Any]]
"""One request that schemathesis made."""

_PATTERNS: Final = '[{"url": "https://**/**"}]'
_LONG: Final = 3600.0
"""Seconds ahead that a runner's sign of life is written: nothing here renews it."""


@dataclass
class Caller:
    """A signed-in user; makes what requests name, for each operation its own."""

    url: str
    token: str
    runners: "Runners"
    boss: "Caller | None" = None
    """Who makes what only an admin may; None: this one may."""
    _made: dict[tuple[str, str], str] = field(default_factory=dict)

    def headers_for(self, operation: APIOperation[Any, Any, Any, Any]) -> dict[str, str]:
        """Return what shows who calls, where somebody has to: to log out would end it."""
        is_open = operation.definition.raw.get("security") == []
        return {} if is_open else bearer(self.token)

    def fill(self, case: AnyCase) -> None:
        """Have a request that follows the description name things that are there."""
        if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
            return
        for name in case.path_parameters or {}:
            if (known := self.known(case.operation.label, name)) is not None:
                case.path_parameters[name] = known

    def known(self, operation: str, name: str) -> str | None:
        """Return the id of a thing that is there, for a parameter of an operation."""
        make = {
            "session_id": self._session,
            "approval_id": self._approval,
            "key_id": self._api_key,
            "user_id": self._self,
            "repository_id": self._repository,
        }.get(name)
        if make is None:
            return None
        key = (operation, name)
        if key not in self._made or operation.startswith("DELETE"):
            self._made[key] = make(operation)
        return self._made[key]

    def _session(self, operation: str) -> str:
        url = f"https://git.example.com/team/{uuid4().hex}.git"
        made: str = self.ask("POST", f"{BASE}/sessions", {"projectPath": url})["id"]
        if "/files" in operation or "/diff" in operation:
            self.runners.begin(made)
        return made

    def _approval(self, operation: str) -> str:
        session_id = self.known(operation, "session_id")
        assert session_id is not None
        self.runners.request(session_id, "approval-1")
        path = f"{BASE}/sessions/{session_id}/approvals"
        for _ in range(2000):
            if self.ask("GET", path)["approvals"]:
                return "approval-1"
        raise AssertionError("the request for permission was not recorded")

    def _api_key(self, operation: str) -> str:
        made: str = self.ask("POST", f"{AUTH}/api-keys", {"name": uuid4().hex})["id"]
        return made

    def _repository(self, operation: str) -> str:
        if operation.endswith("/branches"):
            return "none"  # that one's server would be asked, and there is no such server
        body = {"url": f"https://git.example.com/team/{uuid4().hex}.git"}
        made: str = (self.boss or self).ask("POST", f"{BASE}/repositories", body)["id"]
        return made

    def _self(self, operation: str) -> str:
        me: str = self.ask("GET", f"{AUTH}/me")["id"]
        return me

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request that must succeed."""
        with http_client() as client:
            answer = client.request(
                method, f"{self.url}{path}", json=body, headers=bearer(self.token)
            )
        assert answer.is_success, answer.text
        return answer.json()


class Runners:
    """Stand-ins for the sessions' runners: they answer file operations and ask for permission."""

    def __init__(self, redis: Redis, background: Background) -> None:
        self._redis = redis
        self._background = background

    def begin(self, session_id: str) -> None:
        """Have the session's files answered from now on."""
        self._background.run(state_of_runner(self._redis, session_id, age=-_LONG))
        self._background.spawn(self._answer(session_id))

    def request(self, session_id: str, approval_id: str) -> None:
        """Ask for permission."""
        event = requested("turn-1", approval_id)
        self._background.run(publish(self._redis, session_id, event))

    async def _answer(self, session_id: str) -> None:
        async with answering(self._redis, session_id, well):
            await asyncio.Event().wait()


@contextmanager
def described_gateway(home: Path, redis_url: str, database_url: str) -> Iterator[dict[str, Caller]]:
    """Run a gateway on which a user and an admin are signed in."""
    settings = {
        "AUTH": "users",
        "LOGIN__SECRET": SECRET,
        "DATABASE_URL": database_url,
        "REPOSITORIES__PATTERNS": _PATTERNS,
        "QUOTAS__SESSIONS_RUNNING": "0",
        "QUOTAS__SESSIONS_CREATED": "0",
        "LOGIN__MAX_API_KEYS": "1000",
    }
    with (
        gateway_process(home, redis_url, **settings) as process,
        Background() as background,
    ):
        url = f"http://localhost:{process.port}"
        redis = Redis.from_url(redis_url)
        background.spawn(_closed_last(redis))
        runners = Runners(redis, background)
        _make_admin(process.environment)
        admin = Caller(url, _signed_in(url, "admin"), runners)
        yield {"admin": admin, "user": Caller(url, _signed_in(url, "user"), runners, admin)}


async def _closed_last(redis: Redis) -> None:
    """Close the client when all that was spawned later has ended."""
    async with redis:
        await asyncio.Event().wait()


def _make_admin(environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "moorage_gateway", "create-admin", _address("admin")],
        env=environment,
        input=f"{PASSWORD}\n",
        text=True,
        check=True,
        capture_output=True,
    )


def _signed_in(url: str, name: str) -> str:
    """Return an access token."""
    path = "login" if name == "admin" else "register"
    body = {"email": _address(name), "password": PASSWORD}
    with http_client(timeout=30) as client:
        answer = client.post(f"{url}{AUTH}/{path}", json=body)
    assert answer.is_success, answer.text
    token: str = answer.json()["accessToken"]
    return token


def _address(name: str) -> str:
    return f"{name}@example.com"
