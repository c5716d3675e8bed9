"""The gateway as a process, with the settings that it has by default but for where things are."""

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx2

from moorage_gateway.app import BASE
from moorage_testing.controlplane.processes import Process
from moorage_testing.ports import free_port
from performance.gateway.environment import image_variables
from performance.procfs import Memory

_START_SECONDS: Final = 90.0
_END_SECONDS: Final = 30.0
_LOOK: Final = 0.01


class Replica:
    """One gateway."""

    def __init__(self, python: str, folder: Path, settings: Mapping[str, str]) -> None:
        port, metrics = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        self.port = port
        self.url = f"http://{self.address}"
        self._metrics_url = f"http://127.0.0.1:{metrics}/metrics"
        variables = {
            **image_variables(),
            **settings,
            "MOORAGE_PORT": str(port),
            "MOORAGE_METRICS__HOST": "127.0.0.1",
            "MOORAGE_METRICS__PORT": str(metrics),
        }
        command = [python, "-m", "moorage_gateway", "serve"]
        self._process = Process("gateway", command, folder, variables)
        self.started_after = 0.0
        """Seconds from its start until it said that it is ready."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def start(self) -> None:
        """Start it; return when it says that it is ready."""
        began = time.monotonic()
        self._process.start()
        with httpx2.Client(base_url=self.url, trust_env=False, timeout=5) as http:
            while time.monotonic() < began + _START_SECONDS:
                try:
                    if http.get(f"{BASE}/health/ready").is_success:
                        self.started_after = time.monotonic() - began
                        return
                except httpx2.HTTPError:
                    self._process.require_running()
                time.sleep(_LOOK)
        raise RuntimeError(f"the gateway is not ready; its log ends with:\n{self._log_end()}")

    def rss_mib(self) -> float:
        """Return its resident memory."""
        return Memory.of(self.pid).rss / 1024

    def metric(self, name: str) -> float:
        """Return the sum of a metric of its own, whatever its labels."""
        text = httpx2.get(self._metrics_url, trust_env=False, timeout=30).text
        lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith(name)]
        return sum(float(value) for _, _, value in lines)

    def stop(self) -> None:
        """End it as a kubelet does."""
        self._process.signal(signal.SIGTERM)
        self._process.wait(_END_SECONDS)

    def _log_end(self) -> str:
        return "\n".join(self._process.log.read_text().splitlines()[-20:])
