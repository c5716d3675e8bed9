"""Tunnels: to the session's hosts and nowhere else, whatever names resolve to.

Names are resolved by the tests, and every server is on loopback.
"""

import asyncio
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from moorage_gateway.credential_proxy.app import Outside, opened
from moorage_gateway.credential_proxy.git.credentials import NoSecrets
from moorage_testing.proxying import admit, proxy_settings
from moorage_testing.redis import RedisServer


@dataclass
class Stage:
    """A proxy for tunnels, a server that echoes, and what names resolve to."""

    port: int
    far: int
    redis: Redis
    names: dict[str, list[str]] = field(default_factory=dict)
    then: dict[str, list[str]] = field(default_factory=dict)
    """The same from the second time on."""
    asked: list[str] = field(default_factory=list)
    reached: list[bytes] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[tuple[Any, ...]]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror
        found = self.names[host]
        self.names |= self.then
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, self.far)) for address in found]

    async def echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            self.reached.append(chunk)
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async def connect(
        self, token: str, target: str = "pypi.org:443", how: str = "basic"
    ) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
        """Ask for a tunnel; give the status and the connection."""
        proof = f"Bearer {token}"
        if how == "basic":
            proof = "Basic " + b64encode(f"session:{token}".encode()).decode()
        head = (
            f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nproxy-authorization: {proof}\r\n\r\n"
        )
        return await self.send(head.encode())

    async def send(self, head: bytes) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(head)
        async with asyncio.timeout(20):
            line = (await reader.readline()).decode()
        return line.split(" ")[1] if line else "", reader, writer


@asynccontextmanager
async def staged(
    folder: Path, redis_url: str, redis: Redis, **tunnels: Any
) -> AsyncIterator[Stage]:
    stage = Stage(0, 0, redis)
    server = await asyncio.start_server(stage.echo, "127.0.0.1", 0)
    stage.far = server.sockets[0].getsockname()[1]
    settings = proxy_settings(
        folder,
        redis_url,
        ["http://127.0.0.1:1"],
        tunnels={"port": 0, **tunnels},
        egress={"allowed_networks": ["127.0.0.1/32"]},
    )
    async with (
        server,
        opened(settings, Outside(NoSecrets(), resolve=stage.resolve)) as context,
        context.tunnels.serving("127.0.0.1", 0) as port,
    ):
        assert port is not None
        stage.port = port
        stage.names["pypi.org"] = ["127.0.0.1"]
        yield stage


@pytest.fixture
async def stage(tmp_path: Path, redis_server: RedisServer, redis: Redis) -> AsyncIterator[Stage]:
    async with staged(tmp_path, redis_server.url, redis) as made:
        yield made


@pytest.mark.parametrize("how", ["basic", "bearer"])
async def test_a_session_reaches_its_hosts(stage: Stage, how: str) -> None:
    _, token = await admit(stage.redis, hosts=["pypi.org"])
    status, reader, writer = await stage.connect(token, how=how)
    assert status == "200"
    assert await reader.readline() == b"\r\n"
    data = b"x" * 3_000_000
    writer.write(data)
    writer.write_eof()
    async with asyncio.timeout(20):
        assert await reader.read(-1) == data
    writer.close()


@pytest.mark.parametrize(
    ("hosts", "host", "status"),
    [
        (["pypi.org"], "PyPI.org.", "200"),
        (["pypi.org"], "files.pypi.org", "403"),
        (["*.pypi.org"], "files.pypi.org", "200"),
        (["*.pypi.org"], "a.b.pypi.org", "200"),
        (["*.pypi.org"], "pypi.org", "403"),
        (["*.pypi.org"], "evilpypi.org", "403"),
        (["pypi.org"], "pypi.org.evil.com", "403"),
        ([], "pypi.org", "403"),
    ],
)
async def test_only_the_hosts_of_the_session_are_reached(
    stage: Stage, hosts: list[str], host: str, status: str
) -> None:
    name = host.lower().rstrip(".")
    stage.names[name] = ["127.0.0.1"]
    _, token = await admit(stage.redis, hosts=hosts)
    found, _, writer = await stage.connect(token, f"{host}:443")
    writer.close()
    assert found == status
    assert stage.asked == ([name] if status == "200" else [])


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "169.254.169.254", "127.0.0.2", "100.64.0.1", "192.168.1.1", "0.0.0.1"],
)
async def test_a_name_that_resolves_to_a_private_address_is_not_reached(
    stage: Stage, address: str
) -> None:
    stage.names["pypi.org"] = [address]
    _, token = await admit(stage.redis, hosts=["pypi.org"])
    status, reader, writer = await stage.connect(token)
    assert status == "403"
    assert b"cannot be reached from here" in await reader.read()
    writer.close()
    assert stage.reached == []


async def test_a_name_that_resolves_to_another_address_later_gains_nothing(stage: Stage) -> None:
    """It is resolved once for a tunnel, and the address that was checked is connected to."""
    stage.then["pypi.org"] = ["169.254.169.254"]
    _, token = await admit(stage.redis, hosts=["pypi.org"])
    status, _, writer = await stage.connect(token)
    writer.close()
    assert (status, stage.asked) == ("200", ["pypi.org"])
    status, _, writer = await stage.connect(token)
    writer.close()
    assert (status, stage.asked) == ("403", ["pypi.org", "pypi.org"])


async def test_an_address_beside_a_private_one_is_reached(stage: Stage) -> None:
    stage.names["pypi.org"] = ["10.0.0.1", "127.0.0.1"]
    _, token = await admit(stage.redis, hosts=["pypi.org"])
    status, _, writer = await stage.connect(token)
    writer.close()
    assert status == "200"


@pytest.mark.parametrize("target", ["pypi.org:22", "pypi.org:80", "pypi.org:6443"])
async def test_only_allowed_ports_are_reached(stage: Stage, target: str) -> None:
    _, token = await admit(stage.redis, hosts=["pypi.org"])
    status, _, writer = await stage.connect(token, target)
    writer.close()
    assert (status, stage.asked) == ("403", [])


async def test_strangers_get_no_tunnel(stage: Stage) -> None:
    await admit(stage.redis, hosts=["pypi.org"])
    status, _, writer = await stage.connect("mo_session_x.y")
    writer.close()
    assert status == "407"
    status, _, writer = await stage.send(b"CONNECT pypi.org:443 HTTP/1.1\r\n\r\n")
    writer.close()
    assert (status, stage.asked) == ("407", [])


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://pypi.org/ HTTP/1.1\r\n\r\n",
        b"CONNECT pypi.org HTTP/1.1\r\n\r\n",
        b"CONNECT pypi.org:x HTTP/1.1\r\n\r\n",
        b"CONNECT pypi.org:99999 HTTP/1.1\r\n\r\n",
        b"CONNECT :443 HTTP/1.1\r\n\r\n",
        b"\xff\xff\r\n\r\n",
        b"CONNECT " + b"x" * 20_000 + b":443 HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_no_request_for_a_tunnel_is_refused(stage: Stage, head: bytes) -> None:
    status, _, writer = await stage.send(head)
    writer.close()
    assert (status, stage.asked) == ("400", [])


async def test_a_tunnel_ends_with_its_session(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    async with staged(tmp_path, redis_server.url, redis, recheck_seconds=0.05) as stage:
        keys, token = await admit(redis, hosts=["pypi.org"])
        status, reader, writer = await stage.connect(token)
        assert status == "200"
        assert await reader.readline() == b"\r\n"
        writer.write(b"still there")
        assert await reader.readexactly(11) == b"still there"
        await redis.delete(keys.grant)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


async def test_a_session_has_so_many_tunnels_and_no_more(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    async with staged(tmp_path, redis_server.url, redis, concurrency=2) as stage:
        _, token = await admit(redis, hosts=["pypi.org"])
        opened_ones = [await stage.connect(token) for _ in range(2)]
        status, _, writer = await stage.connect(token)
        writer.close()
        assert status == "429"
        _, another = await admit(redis, hosts=["pypi.org"])
        status, _, writer = await stage.connect(another)
        writer.close()
        assert status == "200"
        for _, _, each in opened_ones:
            each.close()
