"""The credential proxy as a process of its own, as anybody starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moorage_testing.children import with_the_test

_LIMIT = 120.0  # a busy machine takes its time


class ProxyProcess:
    """A running process."""

    def __init__(self, process: "subprocess.Popen[bytes]", log_file: Path) -> None:
        self.process = process
        self._log_file = log_file
        self._listening = self._wait()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._listening['port']}"

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return f"http://127.0.0.1:{self._listening['metrics_port']}/metrics"

    @property
    def log_text(self) -> str:
        """What it logged so far."""
        return self._log_file.read_text() if self._log_file.exists() else ""

    @property
    def log(self) -> list[dict[str, Any]]:
        """The same, line by line."""
        return [json.loads(line) for line in self.log_text.splitlines()]

    def end(self) -> None:
        """Ask it to end."""
        self.process.send_signal(signal.SIGTERM)

    def _wait(self) -> dict[str, Any]:
        end = time.monotonic() + _LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            if found := [line for line in self.log if line["event"] == "listening"]:
                return found[0]
            time.sleep(0.02)
        raise RuntimeError("the proxy did not start")


@contextmanager
def proxy_process(
    folder: Path, redis_url: str, upstream: str, **settings: str
) -> Iterator[ProxyProcess]:
    """Run a proxy before one upstream; settings are variables without their prefix."""
    key_file, log_file = folder / "upstream.key", folder / "proxy.log"
    key_file.write_text("the real key\n")
    entry = {"name": "upstream", "url": upstream, "keyFile": str(key_file)}
    given = {
        "REDIS__URL": redis_url,
        "MODEL__UPSTREAMS": json.dumps([entry]),
        "PORT": "0",
        "METRICS_PORT": "0",
        "LOG__FILE": str(log_file),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOORAGE_")}
    process = subprocess.Popen(
        with_the_test(sys.executable, "-m", "moorage_gateway", "credential-proxy"),
        env=kept | {f"MOORAGE_PROXY_{name}": value for name, value in (given | settings).items()},
    )
    try:
        yield ProxyProcess(process, log_file)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
