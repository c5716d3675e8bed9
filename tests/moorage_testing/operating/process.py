"""The operator as a process: with settings by environment, under an account, to be ended anyhow."""

import json
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml

from moorage_testing.controlplane.processes import Process, until
from moorage_testing.http import http_client
from moorage_testing.ports import free_port

_DEADLINE: Final = 60.0
_PREFIX: Final = "MOORAGE_OPERATOR_"
_METRIC: Final = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Settings:
    """The operator's settings that a test may want to choose; the Lease is a quick one."""

    redis_url: str
    session_url: str
    home: str
    """The operator's own namespace."""
    namespaces: tuple[str, ...] = ()
    more: Mapping[str, str] = field(default_factory=dict)
    """Further ones, as LIMITS__PER_OWNER=2; they win."""

    def with_more(self, more: Mapping[str, str]) -> "Settings":
        """Return these with further ones."""
        return replace(self, more={**self.more, **more})

    def environment(self, port: int) -> dict[str, str]:
        """Return them as environment variables."""
        values = {
            "NAMESPACES": ",".join(self.namespaces),
            "SWEEP": "2s",
            "RESYNC": "10m",
            "POD__RUNNER_IMAGE": "runner:test",
            "POD__AGENT_IMAGE": "agent:test",
            "POD__PROXY_URL": "http://proxy.moorage.svc:8080",
            "REDIS__URL": self.redis_url,
            "REDIS__SESSION_URL": self.session_url,
            "LEASE__NAMESPACE": self.home,
            "LEASE__DURATION_SECONDS": "3",
            "LEASE__RENEW_SECONDS": "2",
            "LEASE__RETRY_SECONDS": "1",
            "HTTP__HOST": "127.0.0.1",
            "HTTP__PORT": str(port),
            "LOG__LEVEL": "debug",
            "LOG__FORMAT": "json",
            **self.more,
        }
        return {f"{_PREFIX}{name}": value for name, value in values.items()}


class Operator:
    """One replica. Starts and ends as often as a test likes; its log goes on in one file."""

    def __init__(self, name: str, folder: Path, kubeconfig: Path, settings: Settings) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = settings
        variables = {
            **settings.environment(port),
            "KUBECONFIG": str(kubeconfig),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "default",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        command = [sys.executable, "-m", "moorage_operator", "run"]
        self.process = Process(name, command, folder, variables)

    @property
    def log(self) -> str:
        """All that it logged, over all its lives."""
        return self.process.log.read_text() if self.process.log.exists() else ""

    def start(self, *, leading: bool = True) -> None:
        """Start it; return when it leads, or with ``leading=False`` when it answers."""
        self.process.start()
        if leading:
            self.await_leading()
        else:
            until(f"{self.process.name} answers", _DEADLINE, self._silent)

    def await_leading(self, seconds: float = _DEADLINE) -> None:
        """Wait until it leads."""
        until(f"{self.process.name} leads", seconds, self._not_leading)

    def revive(self) -> None:
        """Start it again if it has ended, as a kubelet does; return when it leads."""
        until(f"{self.process.name} leads", _DEADLINE, self._not_leading_yet)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()

    def stop(self, seconds: float = 20) -> int:
        """Ask it to end, as a kubelet does; return its exit code."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def get(self, path: str) -> httpx2.Response:
        """Ask its own server."""
        with http_client(timeout=5) as client:
            return client.get(f"{self.url}{path}")

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels; 0 if there is none."""
        return sum(
            value
            for found, has, value in self._samples()
            if found == name and labels.items() <= has.items()
        )

    @property
    def leading(self) -> bool:
        """Whether it says that it leads; one that does not answer does not."""
        try:
            return self.metric("moorage_operator_leading") == 1
        except httpx2.HTTPError:
            return False

    def records(self) -> list[dict[str, Any]]:
        """Return its log as records; a line that is no JSON fails."""
        return [json.loads(line) for line in self.log.splitlines() if line.strip()]

    def _samples(self) -> list[tuple[str, dict[str, str], float]]:
        found = []
        for line in self.get("/metrics").text.splitlines():
            if match := _METRIC.match(line):
                labels = dict(_LABEL.findall(match[2] or ""))
                found.append((match[1], labels, float(match[3])))
        return found

    def _silent(self) -> str | None:
        self.process.require_running()
        try:
            self.get("/healthz")
        except httpx2.HTTPError as error:
            return f"{type(error).__name__}"
        return None

    def _not_leading_yet(self) -> str | None:
        """Say that it does not lead; one that ended since, for want of the Lease, starts again."""
        if not self.process.running:
            self.process.start()
        return None if self.leading else "it stands by"

    def _not_leading(self) -> str | None:
        if (silent := self._silent()) is not None:
            return silent
        return None if self.leading else "it stands by"


def through(kubeconfig: Path, url: str) -> Path:
    """Return a kubeconfig like this one that goes to ``url``, a proxy's."""
    content = yaml.safe_load(kubeconfig.read_text())
    content["clusters"][0]["cluster"] = {"server": url}
    name = re.sub(r"\W+", "-", url)
    path = kubeconfig.with_name(f"{kubeconfig.stem}-{name}.kubeconfig")
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))
    return path
