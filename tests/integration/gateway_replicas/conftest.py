"""Two gateways on one PostgreSQL and one Redis, behind one address: a user sees one of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import pytest

from moorage_gateway.app import BASE
from moorage_testing.caddy import REPLICA, Caddy
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.live import SseClient, connect
from moorage_testing.operating.gateway import Gateway, User, gateways
from moorage_testing.operating.sessions import REPOSITORY
from moorage_testing.operating.stage import Stage, stage
from moorage_testing.postgres import PostgresServer
from moorage_testing.wire import Answer, Wire

KEEP_ALIVE: Final = 2
"""Seconds that a gateway keeps an idle connection; the proxy half as long, as the docs say."""

_SETTINGS: Final = {
    "MOORAGE_HTTP__KEEP_ALIVE_SECONDS": str(KEEP_ALIVE),
    "MOORAGE_HTTP__DRAIN_SECONDS": "1",
}


class Client:
    """A user's connection to the proxy."""

    def __init__(self, wire: Wire, token: str) -> None:
        self._wire = wire
        self._token = token

    async def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Answer:
        """Send a request and return its answer."""
        headers["Authorization"] = f"Bearer {self._token}"
        return await self._wire.ask(method, f"{BASE}{path}", body, **headers)


@dataclass(frozen=True)
class Scene:
    """What a test of replicas behind a proxy has."""

    stage: Stage
    proxy: Caddy
    replicas: tuple[Gateway, Gateway]
    ada: User
    """Through the proxy, as everything here."""

    @property
    def token(self) -> str:
        """Ada's access token."""
        assert self.ada.token
        return self.ada.token

    def logs(self) -> str:
        """Return what all of them logged."""
        return "".join(each.log for each in (*self.replicas, self.proxy))

    def session(self) -> str:
        """Make a session and return its id when its runner is there."""
        made: str = self.ada.post("/sessions", {"projectPath": REPOSITORY["url"]})["id"]
        self.ada.await_phase(made, "Ready")
        return made

    def named(self, address: str) -> Gateway:
        """Return the replica that is at host:port."""
        return next(each for each in self.replicas if urlsplit(each.url).netloc == address)

    def answering(self, answer: Answer) -> Gateway:
        """Return the replica that answered."""
        return self.named(answer.headers[REPLICA.lower()])

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Connect Ada to the proxy."""
        async with await Wire.connect(self.proxy.port) as wire:
            yield Client(wire, self.token)

    async def follow(self, session_id: str, last_id: str) -> SseClient:
        """Follow a session after an event."""
        path = f"{BASE}/sessions/{session_id}/events"
        return await connect(self.proxy.port, path, last_id=last_id, token=self.token)


async def stop(replica: Gateway) -> None:
    """End a replica as a rollout does."""
    assert await asyncio.to_thread(replica.stop) == 0


async def kill(replica: Gateway) -> None:
    """End a replica as a lost node does."""
    await asyncio.to_thread(replica.process.kill)


async def start(replica: Gateway) -> None:
    """Start a replica again; return when it is ready."""
    await asyncio.to_thread(replica.start)


@pytest.fixture(scope="package")
def scene(
    control_plane: ControlPlane,
    postgres_server: PostgresServer,
    postgres_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """Return a stage with an operator at work, two gateways that are ready, and a proxy."""
    folder = tmp_path_factory.mktemp("replicas")
    database = postgres_server.make_database(postgres_template)
    url = postgres_server.url(database)
    with stage(control_plane) as made, gateways(made, url, folder) as several:
        made.operator().start()
        replicas = (several.make(more=_SETTINGS), several.make(more=_SETTINGS))
        for replica in replicas:
            replica.start()
        upstreams = [urlsplit(replica.url).netloc for replica in replicas]
        proxy = Caddy(folder, upstreams, f"{KEEP_ALIVE / 2}s")
        try:
            proxy.start()
            ada = User(proxy.url, replicas[0].user("ada")[1].token)
            yield Scene(made, proxy, replicas, ada)
            ada.http.close()
        finally:
            proxy.process.kill()
    postgres_server.drop_database(database)


@pytest.fixture(autouse=True)
def _whole(scene: Scene) -> Iterator[None]:
    """Have both replicas run again; show what was logged if the test failed."""
    told = len(scene.logs())
    yield
    print(scene.logs()[told:])  # shown if the test failed
    for replica in scene.replicas:
        if not replica.process.running:
            replica.start()
    scene.stage.sessions().delete_all()
    scene.stage.crew.check()


@pytest.fixture
def session_id(scene: Scene) -> str:
    """Return the id of a session that has a runner."""
    return scene.session()
