"""Redis over TLS, as each part talks to it: by a CA of one's own, and not with anybody else."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from moorage_api.base import now
from moorage_api.events import SystemData, SystemEvent
from moorage_api.keys import SessionKeys
from moorage_api.redis_client import FAILURES, make_redis, ping
from moorage_api.redis_tls import RedisTls
from moorage_api.settings import load
from moorage_api.tasks import end
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.ids import NONE
from moorage_gateway.live.outlet import changed
from moorage_operator import wiring
from moorage_operator.settings import OperatorSettings
from moorage_runner.publisher import Publisher
from moorage_scripted_model import Step, Text, running_model, script_prompt
from moorage_testing.certificates import Authority
from moorage_testing.gateway_process import gateway_process
from moorage_testing.http import http_client
from moorage_testing.limited import limited_login
from moorage_testing.proxying import admit, proxy_settings, proxying, standing_in
from moorage_testing.redis import RedisServer
from moorage_testing.runner import RunnerUnderTest


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server(home: Path) -> Iterator[RedisServer]:
    made = RedisServer(home, seven=True)
    yield made
    made.kill()


@pytest.fixture
def url(server: RedisServer, authority: Authority) -> str:
    """Return where a Redis is that talks TLS."""
    where = server.with_tls(authority, authority.certificate("redis", "127.0.0.1"))
    server.start()
    return where


async def refused(url: str, tls: RedisTls) -> BaseException:
    """Return why Redis is not talked to."""
    redis = make_redis(url, tls=tls)
    with pytest.raises(FAILURES) as caught:
        await ping(redis)
    await redis.aclose()
    return caught.value


async def test_a_certificate_of_the_ca_is_taken(url: str, authority: Authority) -> None:
    async with make_redis(url, tls=RedisTls(authority.pem)) as redis:
        assert await ping(redis) > 0


async def test_a_certificate_of_another_ca_is_refused(url: str, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    assert "CERTIFICATE_VERIFY_FAILED" in str(await refused(url, RedisTls(other.pem)))
    assert "CERTIFICATE_VERIFY_FAILED" in str(await refused(url, RedisTls()))


async def test_a_ca_of_ones_own_is_the_only_one(authority: Authority) -> None:
    assert len(RedisTls(authority.pem).context().get_ca_certs()) == 1


async def test_a_certificate_of_another_host_is_refused(
    server: RedisServer, authority: Authority
) -> None:
    url = server.with_tls(authority, authority.certificate("elsewhere", "192.0.2.1"))
    server.start()
    assert "CERTIFICATE_VERIFY_FAILED" in str(await refused(url, RedisTls(authority.pem)))


async def test_without_tls_nothing_is_said(url: str) -> None:
    await refused(url.replace("rediss:", "redis:"), RedisTls())


async def test_a_certificate_is_shown_where_redis_wants_one(
    server: RedisServer, authority: Authority, tmp_path: Path
) -> None:
    url = server.with_tls(authority, authority.certificate("redis", "127.0.0.1"), clients="yes")
    server.start()
    await refused(url, RedisTls(authority.pem))
    own = authority.certificate("moorage")
    async with make_redis(url, tls=RedisTls(authority.pem, own.file, own.key_file)) as redis:
        assert await ping(redis) > 0
    with pytest.raises(ssl.SSLError):  # a key of another certificate
        RedisTls(authority.pem, own.file, authority.certificate("other").key_file).context()


@pytest.fixture
async def redis(url: str, authority: Authority) -> AsyncIterator[Redis]:
    async with make_redis(url, tls=RedisTls(authority.pem)) as client:
        yield client


async def test_events_come_over_it(redis: Redis) -> None:
    """The hub has a connection of its own, the publisher writes transactions."""
    hub, keys = Hub(redis, asyncio.Event()), SessionKeys(str(uuid4()))
    publisher = Publisher(redis, keys)
    tasks = [asyncio.create_task(each.run()) for each in (hub, publisher)]
    async with asyncio.timeout(20), hub.subscribe(keys.session_id, NONE, None) as subscription:
        data = SystemData(subtype="hello", message="x" * 100_000)
        publisher.publish(SystemEvent(timestamp=now(), data=data))
        await changed(subscription.outlet)
        (batch,) = subscription.outlet.take()
        assert len(batch.items[0].body) > 100_000
    for task in tasks:
        await end(task)


@pytest.mark.parametrize("trusted", [True, False])
def test_the_gateway(
    url: str, authority: Authority, home: Path, tmp_path: Path, trusted: bool
) -> None:
    file = authority.file if trusted else Authority(tmp_path, "other").file
    with gateway_process(home, url, REDIS__TLS__CA_FILE=str(file)) as gateway:
        with http_client(timeout=20) as client:
            where = f"http://127.0.0.1:{gateway.port}/api/claude-code"
            found = client.get(f"{where}/health").json()["services"]["redis"]
            assert client.get(f"{where}/sessions").status_code == 200
        assert found == ("healthy" if trusted else "unhealthy")
        gateway.end()
        assert gateway.wait() == 0


async def test_the_credential_proxy(
    url: str, redis: Redis, authority: Authority, tmp_path: Path
) -> None:
    async def answer(*_: object) -> None:
        raise AssertionError

    async with standing_in(answer) as upstream:  # type: ignore[arg-type]
        group = {"url": url, "tls": {"ca_file": authority.file}}
        settings = proxy_settings(tmp_path, "", [upstream.url], redis=group)
        async with proxying(settings) as proxy:
            _, token = await admit(redis)
            headers = {"x-api-key": token}
            async with proxy.client.get(f"{proxy.url}/v1/nothing", headers=headers) as response:
                assert response.status == 404
            async with proxy.client.get(f"{proxy.url}/readyz") as response:
                assert response.status == 200


OPERATOR = {
    "POD__RUNNER_IMAGE": "runner:1",
    "POD__AGENT_IMAGE": "agent:1",
    "POD__PROXY_URL": "http://proxy:8080",
    "REDIS__SESSION_URL": "rediss://redis:6379/0",
    "LEASE__NAMESPACE": "moorage",
}


async def test_the_operator(
    url: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = {"REDIS__URL": url, "REDIS__TLS__CA_FILE": str(authority.file)}
    for name, value in {**OPERATOR, **tls}.items():
        monkeypatch.setenv(f"MOORAGE_OPERATOR_{name}", value)
    settings = load(OperatorSettings)
    assert settings.redis.tls.ca == authority.pem
    async with wiring._redis(settings) as redis:
        assert await ping(redis) > 0


def test_a_runner_with_its_own_login(
    url: str, server: RedisServer, authority: Authority, tmp_path: Path
) -> None:
    session_id = str(uuid4())
    login = limited_login(server.url, session_id, url)
    spec = {"prompt": script_prompt([Step.of(Text(text="Aye."))], "Hello."), "interactive": False}
    with running_model() as model:
        runner = RunnerUnderTest(
            tmp_path / "session", server, model, session_id, spec=spec, login=login
        )
        try:
            runner.start(MOORAGE_REDIS_CA=authority.pem)
            runner.wait_for_type("usage", outcome="completed")
            assert runner.wait() == 0
        finally:
            runner.stop()
