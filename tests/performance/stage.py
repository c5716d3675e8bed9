"""Moorage on one machine, as anybody runs it: `moorage-gateway run`, in a folder that goes away.

It is one process of its own, which brings Redis and the runners. Nothing of this user's settings
reaches it.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from redis import Redis

COMMAND = (sys.executable, "-m", "moorage_gateway", "run", "--no-job")
_START_SECONDS = 60.0
_END_SECONDS = 30.0
_DIRECT = build_opener(ProxyHandler({}))
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "IS_SANDBOX")

Seed = Callable[[Path], list[str]]


class StageError(RuntimeError):
    """The gateway did not start."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway that serves, with what it keeps and the sessions that were there before it."""

    address: str
    pid: int
    home: Path
    seeded: list[str]

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{self.address}"

    @property
    def redis_socket(self) -> Path:
        """Where its Redis listens."""
        return self.home / "redis" / "redis.sock"

    @property
    def redis_pid(self) -> int:
        """The process id of its Redis."""
        with Redis(unix_socket_path=str(self.redis_socket)) as redis:
            return int(redis.info("server")["process_id"])


@contextmanager
def serving(
    folder: Path, *, seed: Seed | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Stage]:
    """Seed what is to be there, start everything, and end it with the block."""
    home = folder / "home"
    home.mkdir()
    address = f"127.0.0.1:{_free_port()}"
    environment = {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "HOME": str(folder),
        "MOORAGE_HOME": str(home),
        "MOORAGE_PORT": address.rpartition(":")[2],
        **(settings or {}),
    }
    seeded = seed(home) if seed else []
    with _gateway(environment, folder / "gateway.log", f"http://{address}") as pid:
        yield Stage(address, pid, home, seeded)


@contextmanager
def _gateway(environment: dict[str, str], log: Path, url: str) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(COMMAND, env=environment, stdout=output, stderr=output)
    try:
        _wait_until_ready(process, url, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with _DIRECT.open(f"{url}/api/claude-code/health/ready", timeout=5):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise StageError(f"the gateway did not become ready; its log ends with:\n{tail}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
