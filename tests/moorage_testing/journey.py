"""Moorage as its user has it: the embedded run as a process of its own, spoken to over HTTP."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from moorage_testing.children import with_the_test
from moorage_testing.sessions_client import PATIENCE, SessionsClient


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Moorage(SessionsClient):
    """An embedded run in a folder of its own, to be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (home.parent / "moorage.log").open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.client.close()
        self._log.close()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return (self.home.parent / "moorage.log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._process = subprocess.Popen(
            with_the_test(sys.executable, "-m", "moorage_gateway", "run", "--no-job"),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            start_new_session=True,
        )
        self.wait_until(self.is_ready, "the gateway to be ready")

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return kept | {
            "HOME": str(self.home.parent),
            "MOORAGE_HOME": str(self.home),
            "MOORAGE_PORT": str(self.port),
        }

    def is_ready(self) -> bool:
        """Return whether the gateway is ready; it must not have ended."""
        assert self._process is not None
        assert self._process.poll() is None, self.output
        return super().is_ready()

    def kill(self) -> None:
        """End the gateway's process as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=PATIENCE)

    def stop(self) -> int | None:
        """End it as Ctrl-C does; return its exit code."""
        if self._process is None or self._process.poll() is not None:
            return None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=PATIENCE)


def sample_repository(folder: Path) -> Path:
    """Make a small git repository."""
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("# A sample\n")
    (folder / "main.py").write_text("print('hello')\n")
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    for command in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "First")):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True, timeout=30)
    return folder


@contextmanager
def running_moorage() -> Iterator[Moorage]:
    """Start Moorage in a new folder (short: a socket's path may have 107 characters)."""
    with (
        tempfile.TemporaryDirectory(prefix="moorage-") as folder,
        Moorage(Path(folder) / "home") as moorage,
    ):
        moorage.start()
        yield moorage
