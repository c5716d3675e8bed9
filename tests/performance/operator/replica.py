"""The operator as a process, with the settings that it has by default in a cluster."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from moorage_operator.settings import OperatorSettings
from moorage_testing.operating.process import Operator, Settings
from performance.procfs import Memory, cpu_seconds

HOME: Final = "moorage"
"""The operator's own namespace."""

_DEFAULTS: Final = {
    "LEASE__DURATION_SECONDS": "15",
    "LEASE__RENEW_SECONDS": "10",
    "LEASE__RETRY_SECONDS": "2",
    "LOG__LEVEL": "info",
}
"""What the tests' operator has otherwise, to be quick."""


class ReplicaError(RuntimeError):
    """The operator did not do in time what is to be measured."""


@dataclass(frozen=True, slots=True)
class Use:
    """What the operator's process has used so far, and holds now."""

    cpu: float
    """Seconds of processor time."""
    rss: float
    """MiB."""


class Replica:
    """One operator, which may be stopped and started again."""

    def __init__(self, folder: Path, kubeconfig: Path, redis_url: str, session_url: str) -> None:
        more = {**_DEFAULTS, "SWEEP": _default("sweep"), "RESYNC": _default("resync")}
        settings = Settings(redis_url, session_url, HOME, (), more)
        self._operator = Operator("operator", folder, kubeconfig, settings)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._operator.process.pid

    def start(self) -> None:
        """Start it, and return at once."""
        self._operator.process.start()

    def stop(self) -> None:
        """End it as a kubelet does."""
        self._operator.stop()

    def kill(self) -> None:
        """End it at once."""
        self._operator.kill()

    def use(self) -> Use:
        """Read what it uses."""
        return Use(cpu_seconds(self.pid), round(Memory.of(self.pid).rss / 1024, 1))

    def counted_writes(self) -> int:
        """Return its own count of writes to the API, that of its Lease left out."""
        name = "moorage_operator_api_writes_total"
        lease = self._operator.metric(name, kind="Lease")
        return int(self._operator.metric(name) - lease)

    def await_loaded(self, sessions: int, seconds: float) -> dict[str, float]:
        """Wait until it leads, knows all sessions, has looked at each and has nothing left to do.

        Returns when each of these was so for the first time, in seconds from now.
        """
        began, reached = time.monotonic(), dict[str, float]()
        while time.monotonic() < began + seconds:
            for what in self._reached(sessions):
                reached.setdefault(what, round(time.monotonic() - began, 2))
            if "reconciled" in reached:
                return reached
            self._operator.process.require_running()
            time.sleep(0.1)
        raise ReplicaError(f"not within {seconds:.0f} s: reached {reached}; log: {self.log_end}")

    @property
    def log_end(self) -> str:
        """The last lines of its log."""
        return "\n".join(self._operator.log.splitlines()[-5:])

    def _reached(self, sessions: int) -> list[str]:
        try:
            metric = self._metrics()
        except httpx2.HTTPError:
            return []
        found = ["answers"]
        if metric.get("moorage_operator_leading") == 1:
            found.append("leads")
        known = sum(value for name, value in metric.items() if "operator_sessions{" in name)
        if known < sessions or metric.get("moorage_operator_loaded") != 1:
            return found
        found.append("loaded")
        looked = metric["moorage_operator_reconcile_seconds_count"]
        if looked >= sessions and metric["moorage_operator_queue_length"] == 0:
            found.append("reconciled")
        return found

    def _metrics(self) -> dict[str, float]:
        text = self._operator.get("/metrics").text
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}


def _default(name: str) -> str:
    return str(OperatorSettings.model_fields[name].default)
