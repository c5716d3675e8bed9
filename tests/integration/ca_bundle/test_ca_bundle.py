"""A certificate authority of one's own, as each part is told of it: by the variables of the images
and of the chart, which name the file that a bundle is mounted over. Nothing else is trusted."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy.exc import OperationalError

from moorage_api.redis_client import make_redis
from moorage_gateway.db.engine import make_engine
from moorage_gateway.settings import DatabaseSettings, TracingSettings
from moorage_gateway.tracing.provider import open_tracing
from moorage_testing.accounts import accounts_settings, ask
from moorage_testing.certificates import Authority, Certificate
from moorage_testing.gateway import running_gateway
from moorage_testing.oidc import AUDIENCE, running_provider
from moorage_testing.proxy_process import proxy_process
from moorage_testing.proxying import admit, asking, plain, standing_in
from moorage_testing.redis import RedisServer

_SSL_REQUEST = struct.pack("!II", 8, 80_877_103)
"""What a client of PostgreSQL begins with, to ask for TLS."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def certificate(authority: Authority) -> Certificate:
    return authority.certificate("server", "127.0.0.1")


@pytest.fixture(params=[True, False], ids=["its own", "another"])
def trusted(request: pytest.FixtureRequest, authority: Authority, tmp_path: Path) -> Path:
    """Return the file that is trusted: with the authority of the server's certificate, or not."""
    return authority.file if request.param else Authority(tmp_path, "other").file


@pytest.fixture
def well(trusted: Path, authority: Authority) -> bool:
    """Whether the server is to be talked to."""
    return trusted == authority.file


async def test_the_credential_proxy_asks_the_model(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    redis_server: RedisServer,
    certificate: Certificate,
    trusted: Path,
    well: bool,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with standing_in(plain, certificate.context()) as model:
        async with make_redis(redis_server.url) as redis:
            _, token = await admit(redis)
        with proxy_process(tmp_path, redis_server.url, model.url) as proxy:
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                aiohttp.ClientSession() as client,
                client.post(f"{proxy.url}/v1/messages", json=asking(), headers=headers) as answer,
            ):
                assert answer.status == (200 if well else 502)
        assert len(model.seen) == well


async def test_the_gateway_asks_the_identity_provider(
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    redis_server: RedisServer,
    certificate: Certificate,
    trusted: Path,
    well: bool,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with running_provider(certificate.context()) as provider:
        oidc = {"issuer": provider.issuer, "audience": [AUDIENCE]}
        settings = accounts_settings(home, redis_server.url, oidc=oidc)
        async with running_gateway(settings) as gateway:
            answer = await ask(gateway, "GET", "/me", provider.token())
        assert answer.status_code == (200 if well else 503)
        assert bool(provider.asked) is well


async def test_spans_are_sent(
    monkeypatch: pytest.MonkeyPatch, certificate: Certificate, trusted: Path, well: bool
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    async with standing_in(plain, certificate.context()) as collector:
        tracing = open_tracing(TracingSettings(endpoint=collector.url), "1")
        assert tracing is not None
        with tracing.tracer.start_as_current_span("work"):
            pass
        await tracing.close()
        assert bool(collector.seen) is well


async def test_the_database_is_talked_to(
    monkeypatch: pytest.MonkeyPatch, certificate: Certificate, trusted: Path, well: bool
) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", str(trusted))
    async with database(certificate) as (port, said):
        url = f"postgresql+asyncpg://moorage:x@127.0.0.1:{port}/moorage?ssl=verify-full"
        engine = make_engine(url, DatabaseSettings())
        reason = "connection was closed" if well else "CERTIFICATE_VERIFY_FAILED"
        with pytest.raises(OperationalError, match=reason):
            await engine.connect()
        await engine.dispose()
        assert bool(await said) is well


@asynccontextmanager
async def database(certificate: Certificate) -> AsyncIterator[tuple[int, asyncio.Future[bytes]]]:
    """Stand in for a PostgreSQL that hangs up; yields its port, and what was said over TLS."""
    said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(len(_SSL_REQUEST)) == _SSL_REQUEST
        writer.write(b"S")
        try:
            await writer.start_tls(certificate.context())
            said.set_result(await reader.read(1024))
        except OSError:
            said.set_result(b"")
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], said
