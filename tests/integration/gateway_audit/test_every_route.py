"""Every route that changes something leaves a record, found from the application's own routes.

A new route fails here until it records what it does, or is listed with a reason for why not; and
until it is said below how to ask it so that it does something.
"""

from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from fastapi.routing import iter_route_contexts
from sqlalchemy import select

from moorage_api.events import PermissionRequest
from moorage_api.rpc import Reply, Request, WriteFile, Written
from moorage_gateway.accounts.repository import AccountRepository
from moorage_gateway.db.tables import audit_records
from moorage_gateway.dead_letters.repository import Failure, LetterRepository
from moorage_gateway.dead_letters.schemas import LetterQuery
from moorage_testing.accounts import PASSWORD, User, add_user, ask, bearer, register
from moorage_testing.answering import answering
from moorage_testing.gateway import REPOSITORY, Gateway

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
API = "/api/claude-code"
NOT_AUDITED = {
    ("POST", "/api/auth/refresh"): "goes on with a login that is recorded; a token's reuse is too",
}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/auth/register"): {"email": "new@example.com", "password": PASSWORD},
    ("POST", "/api/auth/login"): {"email": "ada@example.com", "password": PASSWORD},
    ("PATCH", "/api/auth/me"): {"name": "Ada"},
    ("POST", "/api/auth/api-keys"): {"name": "script"},
    ("PATCH", "/api/auth/api-keys/{key_id}"): {"name": "weekly"},
    ("POST", f"{API}/sessions"): {"projectPath": REPOSITORY},
    ("PATCH", f"{API}/sessions/{{session_id}}"): {"context": "x"},
    ("POST", f"{API}/sessions/{{session_id}}/messages"): {"content": "Hello"},
    ("POST", f"{API}/sessions/{{session_id}}/mode"): {"mode": "plan"},
    ("POST", f"{API}/sessions/{{session_id}}/model"): {"model": "claude-opus-4"},
    ("POST", f"{API}/sessions/{{session_id}}/approvals/{{approval_id}}"): {"decision": "allow"},
    ("POST", f"{API}/sessions/{{session_id}}/files/{{path}}"): {"content": "x"},
    ("PUT", f"{API}/sessions/{{session_id}}/files/{{path}}"): {"content": "x"},
    ("POST", f"{API}/repositories"): {"url": "https://git.example.com/team/new"},
    ("PATCH", f"{API}/repositories/{{repository_id}}"): {"defaultBranch": "trunk"},
    ("PATCH", f"{API}/quotas/{{user_id}}"): {"sessionsRunning": 3},
    ("POST", f"{API}/admin/users"): {"email": "made@example.com", "password": PASSWORD},
    ("PATCH", f"{API}/admin/users/{{user_id}}"): {"disabled": True},
}


@dataclass(frozen=True)
class World:
    """What a request may name, made anew for each route."""

    token: str
    names: dict[str, str]

    @property
    def session_id(self) -> str:
        return self.names["session_id"]


def changing_routes(gateway: Gateway) -> list[tuple[str, str]]:
    return [
        (method, route.path_format)
        for route in iter_route_contexts(gateway.app.routes)
        if route.path_format is not None
        for method in sorted((route.methods or set()) & CHANGING)
    ]


def runner(request: Request) -> Reply:
    """Say of every operation on a file that it is done."""
    size = len(request.content) if isinstance(request, WriteFile) else 0
    return Written(path=getattr(request, "path", "."), size=size)


def question() -> PermissionRequest:
    now = datetime.now(UTC)
    return PermissionRequest(
        approval_id="approval-1", turn_id="turn-1", tool="Write", input={"file_path": "a.txt"},
        summary="Write a.txt", diff=None, requested_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip


async def the_admin(gateway: Gateway) -> str:
    """Make an account with a password, and an admin of it; return its id."""
    user_id: str = (await register(gateway))["user"]["id"]
    async with gateway.context.engine.begin() as connection:
        await AccountRepository(connection).change(user_id, role="admin")
    return user_id


async def world(gateway: Gateway, number: int) -> World:
    """Return a sign-in of the admin's, and one of everything that they may change."""
    body = {"email": "ada@example.com", "password": PASSWORD}
    pair = (await ask(gateway, "POST", "/login", body=body)).json()
    token = pair["accessToken"]
    other: User = await add_user(gateway, f"other-{number}")
    url = f"https://git.example.com/team/repository-{number}"
    made = {
        "session_id": await post(gateway, token, f"{API}/sessions", {"projectPath": REPOSITORY}),
        "repository_id": await post(gateway, token, f"{API}/repositories", {"url": url}),
        "key_id": await post(gateway, token, "/api/auth/api-keys", {"name": "x"}),
        "letter_id": await letter(gateway),
    }
    await gateway.live(made["session_id"], pending_approvals=[question()])
    names = {"user_id": other.id, "approval_id": "approval-1", "path": "a.txt"}
    return World(token, made | names)


async def letter(gateway: Gateway) -> str:
    """Return the id of a dead letter of a job."""
    async with gateway.context.engine.begin() as connection:
        letters = LetterRepository(connection)
        await letters.put(Failure("job", "remove-what-is-over", "x"), gateway.context.clock())
        (row,), _ = await letters.page(LetterQuery())
    return row.id


async def post(gateway: Gateway, token: str, path: str, body: Any) -> str:
    answer = await send(gateway, "POST", path, token, body)
    assert answer.is_success, answer.text
    made: str = answer.json()["id"]
    return made


async def send(gateway: Gateway, method: str, path: str, token: str, body: Any) -> httpx2.Response:
    return await gateway.client.request(
        method,
        f"http://localhost{path}",
        json=body,
        headers=bearer(token) | {"X-Request-ID": f"{method}-{path}".translate(ASCII)[:120]},
    )


ASCII = str.maketrans("/{}", "...")


async def records_of(gateway: Gateway, request_id: str) -> list[Any]:
    query = select(audit_records).where(audit_records.c.request_id == request_id)
    async with gateway.context.engine.connect() as connection:
        return list((await connection.execute(query)).all())


async def fault_of(gateway: Gateway, method: str, path: str, made: World, admin: str) -> str | None:
    """Send a request that does something, and return what is wrong with its records."""
    filled = path.format_map(defaultdict(lambda: "x", made.names))
    body = BODIES.get((method, path), {} if method in {"POST", "PUT", "PATCH"} else None)
    answer = await send(gateway, method, filled, made.token, body)
    if not answer.is_success:
        return f"{method} {path} did nothing: {answer.status_code} {answer.text}"
    found = await records_of(gateway, answer.headers["X-Request-ID"])
    if not found:
        return f"{method} {path} left no record"
    logged = [line for line in gateway.logs if line["event"] == "audit"]
    for record in found:
        whose = answer.json()["user"]["id"] if path.endswith("/register") else admin
        assert (record.actor_id, record.address) == (whose, "127.0.0.1"), record
        assert record.action in {line["action"] for line in logged}
        assert PASSWORD not in str(record)
        assert made.token not in str(record)
    return None


async def test_every_changing_route_leaves_a_record(gateway: Gateway) -> None:
    admin = await the_admin(gateway)
    faults = []
    for number, (method, path) in enumerate(changing_routes(gateway)):
        if (method, path) in NOT_AUDITED:
            continue
        made = await world(gateway, number)
        async with AsyncExitStack() as stack:
            if path.endswith("/resume"):
                await gateway.backend.suspend(made.session_id, suspend=True)
            if "/files/" in path:
                await stack.enter_async_context(answering(gateway.redis, made.session_id, runner))
            faults.append(await fault_of(gateway, method, path, made, admin))
    assert [fault for fault in faults if fault] == []
    assert len(faults) > 20


async def test_what_is_not_audited_is_still_there(gateway: Gateway) -> None:
    assert set(changing_routes(gateway)) >= NOT_AUDITED.keys() | BODIES.keys()


async def test_a_route_that_records_nothing_is_found_out(gateway: Gateway) -> None:
    admin = await the_admin(gateway)
    made = await world(gateway, 0)

    @gateway.app.post("/careless")
    async def careless() -> str:
        return "done, and nobody knows"

    fault = await fault_of(gateway, "POST", "/careless", made, admin)
    assert fault == "POST /careless left no record"
