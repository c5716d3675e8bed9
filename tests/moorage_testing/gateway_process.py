"""`python -m moorage_testing.gateway_process`: the gateway as a process, sessions in memory.

Settings come from the environment, as everywhere; the log goes to a file in its home.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moorage_gateway import logs
from moorage_gateway.app import create_app
from moorage_gateway.server import serve
from moorage_gateway.settings import load_settings
from moorage_testing.backend import MemoryBackend
from moorage_testing.children import with_the_test

_LIMIT = 120.0  # a busy machine takes its time
_LISTENS = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")


class GatewayProcess:
    """A running process."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", log_file: Path, environment: dict[str, str]
    ) -> None:
        self._process = process
        self.environment = environment
        self._log_file = log_file
        self.port = self._wait_for_port()

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it logged so far."""
        return [json.loads(line) for line in self._log_file.read_text().splitlines()]

    def end(self) -> None:
        """Ask it to end."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Return its exit code once it has ended."""
        return self._process.wait(_LIMIT)

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _wait_for_port(self) -> int:
        end = time.monotonic() + _LIMIT
        while time.monotonic() < end and self._process.poll() is None:
            text = self._log_file.read_text() if self._log_file.exists() else ""
            match = _LISTENS.search(text)
            if match is not None:
                return int(match[1])
            time.sleep(0.02)
        self.kill()
        raise RuntimeError("the gateway did not start")


@contextmanager
def gateway_process(home: Path, redis_url: str, **settings: str) -> Iterator[GatewayProcess]:
    """Run a gateway on a free port; settings are variables without their prefix."""
    log_file = home / "gateway.log"
    given = {
        "AUTH": "none",
        "HOME": str(home),
        "REDIS_URL": redis_url,
        "PORT": "0",
        "LIMITS__ENABLED": "false",
        "LOG__FILE": str(log_file),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOORAGE_")}
    environment = kept | {f"MOORAGE_{name}": value for name, value in (given | settings).items()}
    process = subprocess.Popen(
        with_the_test(sys.executable, "-m", "moorage_testing.gateway_process"),
        env=environment,
    )
    running = GatewayProcess(process, log_file, environment)
    try:
        yield running
    finally:
        running.kill()


def main() -> int:
    """Serve until SIGTERM."""
    settings = load_settings()
    logs.configure(settings.log)
    return serve(create_app(settings, MemoryBackend().opened), settings)


if __name__ == "__main__":
    sys.exit(main())
