"""A stream ends when what let it in is worth nothing any more."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from moorage_gateway.app import BASE
from moorage_gateway.server import make_server
from moorage_testing.accounts import (
    Clock,
    User,
    accounts_settings,
    add_user,
    ask,
    bearer,
    change_user,
)
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway
from moorage_testing.live import SseClient, connect
from moorage_testing.redis import RedisServer


@asynccontextmanager
async def served(gateway: Gateway) -> AsyncIterator[int]:
    """Serve the application, which runs already, on a port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(gateway.app, gateway.context.settings)
    server.config.lifespan = "off"
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def gateway(redis_server: RedisServer, home: Path, clock: Clock) -> AsyncIterator[Gateway]:
    settings = accounts_settings(home, redis_server.url, login={"recheck_seconds": 1})
    async with running_gateway(settings, clock=clock) as running:
        yield running


async def log_out(gateway: Gateway, user: User, key: str) -> None:
    assert (await ask(gateway, "POST", "/logout", user.access_token)).is_success


async def disable(gateway: Gateway, user: User, key: str) -> None:
    await change_user(gateway, user.id, disabled_at=gateway.context.clock())


async def promote(gateway: Gateway, user: User, key: str) -> None:
    await change_user(gateway, user.id, role="admin")


async def delete_keys(gateway: Gateway, user: User, key: str) -> None:
    assert (await ask(gateway, "DELETE", f"/api-keys/{key}", user.access_token)).is_success


End = Callable[[Gateway, User, str], Awaitable[None]]


@pytest.mark.parametrize(
    ("end", "by_token", "by_key"),
    [(log_out, True, False), (disable, True, True), (promote, True, True),
     (delete_keys, False, True)],
)  # fmt: skip
async def test_streams_end_with_what_let_them_in(
    gateway: Gateway, end: End, by_token: bool, by_key: bool
) -> None:
    ada, bob = await add_user(gateway, "ada"), await add_user(gateway, "bob")
    made = (await ask(gateway, "POST", "/api-keys", ada.access_token, {"name": "x"})).json()
    answer = await gateway.client.post(
        "/sessions", json={"projectPath": REPOSITORY}, headers=bearer(ada.access_token)
    )
    session = f"{BASE}/sessions/{answer.json()['id']}/events"
    async with served(gateway) as port:
        clients = {
            "session, token": await connect(port, session, token=ada.access_token),
            "session, key": await connect(port, session, token=made["key"]),
            "list, token": await connect(port, f"{BASE}/events", token=ada.access_token),
            "list, key": await connect(port, f"{BASE}/events", token=made["key"]),
            "another's": await connect(port, f"{BASE}/events", token=bob.access_token),
        }
        try:
            for client in clients.values():
                assert client.status == 200
                assert (await client.next()).type == "connected"
            await end(gateway, ada, made["id"])
            over = [
                name
                for name in clients
                if (by_token and name.endswith("token")) or (by_key and name.endswith("key"))
            ]
            for name in over:
                assert await reason(clients[name]) == "signed_out"
            assert {
                client.principal.user_id
                for client in gateway.context.hub.clients
                if hasattr(client, "principal")
            } >= {bob.id}
        finally:
            for client in clients.values():
                await client.close()


async def reason(client: SseClient) -> str:
    events = await client.rest()
    assert events[-1].type == "end"
    return str(events[-1].data["reason"])


async def test_anothers_session_has_no_stream(gateway: Gateway) -> None:
    ada, bob = await add_user(gateway, "ada"), await add_user(gateway, "bob")
    answer = await gateway.client.post(
        "/sessions", json={"projectPath": REPOSITORY}, headers=bearer(ada.access_token)
    )
    path = f"/sessions/{answer.json()['id']}/events"
    for tail in ("", "/poll?wait=20"):
        for token, status in ((bob.access_token, 404), ("nonsense", 401)):
            refused = await gateway.client.get(path + tail, headers=bearer(token))
            assert refused.status_code == status
