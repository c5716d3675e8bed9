"""The gateway as a process over a stage's cluster: `serve` or `record`, under the chart's rules."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import httpx2

from moorage_testing.controlplane import access
from moorage_testing.controlplane.api import Account
from moorage_testing.controlplane.processes import ROOT, Process, until
from moorage_testing.http import http_client
from moorage_testing.operating.process import through
from moorage_testing.operating.rules import chart_rules
from moorage_testing.operating.stage import Stage
from moorage_testing.ports import free_port

RULES: Final = ROOT / "charts" / "moorage" / "files"
PASSWORD: Final = "correct horse battery"
_PATIENCE: Final = 90.0
_API: Final = "/api/claude-code"
_WELL: Final = 200
_LOGIN_SECRET: Final = "0123456789abcdef0123456789abcdef"


def chart_account(stage: Stage, component: str) -> Account:
    """Make the service account of `gateway` or `recorder`, with exactly the rules of the chart."""
    account = stage.plane.account(stage.home, component)
    for namespace in stage.namespaces:
        rules = chart_rules(RULES / f"{component}-rules.yaml")["namespaced"]
        access.grant(stage.admin, stage.plane.server, account, rules, namespace)
    return account


class User:
    """A user's requests to one gateway."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = http_client(base_url=f"{url}{_API}", headers=headers, timeout=30)
        self.token = token

    def get(self, path: str) -> Any:
        """Return what is at a path."""
        return self._body(self.http.get(path))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """Post a body and return the answer's."""
        return self._body(self.http.post(path, json=body, headers=headers))

    def delete(self, path: str) -> Any:
        """Delete what is at a path."""
        return self._body(self.http.delete(path))

    def ids(self) -> list[str]:
        """Return the ids of the sessions that the user sees."""
        return [each["id"] for each in self.get("/sessions")["sessions"]]

    def await_session(self, session_id: str, holds: Callable[[Any], bool], what: str = "so") -> Any:
        """Return a session as soon as something holds of it."""
        last: list[Any] = []

        def pending() -> str | None:
            answer = self.http.get(f"/sessions/{session_id}")
            last[:] = [answer.json()]
            well = answer.status_code == _WELL and holds(last[0])
            return None if well else f"{answer.status_code} {answer.text[:1000]}"

        until(f"session {session_id} {what}", _PATIENCE, pending)
        return last[0]

    def await_phase(self, session_id: str, phase: str) -> Any:
        """Return a session as soon as it is in a phase."""
        return self.await_session(session_id, lambda one: one["phase"] == phase, phase)

    def await_ids(self, expected: Callable[[list[str]], bool]) -> None:
        """Wait until the list is as expected."""

        def pending() -> str | None:
            ids = self.ids()
            return None if expected(ids) else str(ids)

        until("the list of sessions", _PATIENCE, pending)

    def _body(self, answer: httpx2.Response) -> Any:
        assert answer.is_success, f"{answer.status_code} {answer.text}"
        return answer.json()


class Gateway:
    """One process. Starts and ends as often as a test likes; its log goes on in one file."""

    def __init__(
        self, command: str, folder: Path, kubeconfig: Path, settings: Mapping[str, str]
    ) -> None:
        port, metrics = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._metrics_url = f"http://127.0.0.1:{metrics}/metrics"
        variables = {
            "MOORAGE_PORT": str(port),
            "MOORAGE_METRICS__HOST": "127.0.0.1",
            "MOORAGE_METRICS__PORT": str(metrics),
            **settings,
            "KUBECONFIG": str(kubeconfig),
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        command_line = [sys.executable, "-m", "moorage_gateway", command]
        self.process = Process(f"gateway-{command}", command_line, folder, variables)
        self._users: list[User] = []

    @property
    def log(self) -> str:
        """All that it logged."""
        return self.process.log.read_text() if self.process.log.exists() else ""

    def start(self) -> None:
        """Start it; return when it is ready."""
        self.process.start()
        self.await_ready()

    def stop(self, seconds: float = 60) -> int:
        """Ask it to end, as a kubelet does; return its exit code."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def close(self) -> None:
        """End it, and its users' connections."""
        for user in self._users:
            user.http.close()
        self.process.kill()

    def await_ready(self, *, ready: bool = True) -> None:
        """Wait until it says that it is ready, or that it is not."""

        def pending() -> str | None:
            self.process.require_running()
            try:
                answer = self._ask(f"{self.url}{_API}/health/ready")
            except httpx2.HTTPError as error:
                return type(error).__name__
            return None if (answer.status_code == _WELL) is ready else answer.text

        until(f"{self.process.name} ready: {ready}", _PATIENCE, pending)

    def metrics(self) -> str:
        """Return its metrics."""
        return self._ask(self._metrics_url).text

    @staticmethod
    def _ask(url: str) -> httpx2.Response:
        with http_client(timeout=5) as client:
            return client.get(url)

    def user(self, name: str) -> tuple[str, User]:
        """Log a user in, with a new account if need be; return their id, and them."""
        body = {"email": f"{name}@example.com", "password": PASSWORD}
        with http_client(base_url=f"{self.url}/api/auth", timeout=30) as auth:
            answer = auth.post("/register", json=body)
            if not answer.is_success:
                answer = auth.post("/login", json=body)
            assert answer.is_success, answer.text
            signed_in = answer.json()
        return signed_in["user"]["id"], self.known(signed_in["accessToken"])

    def known(self, token: str | None) -> User:
        """Return somebody who has a token of this gateway or another of its replicas."""
        user = User(self.url, token)
        self._users.append(user)
        return user


class Gateways:
    """The gateway's processes on a stage: they share Redis and a database."""

    def __init__(self, stage: Stage, database_url: str, folder: Path) -> None:
        self._stage = stage
        self._folder = folder
        self.account = chart_account(stage, "gateway")
        recorder = chart_account(stage, "recorder")
        self._kubeconfigs = {
            "serve": stage.plane.kubeconfig(self.account),
            "record": stage.plane.kubeconfig(recorder),
        }
        self._made: list[Gateway] = []
        self._settings = {
            "MOORAGE_HOME": str(folder),
            "MOORAGE_REDIS_URL": stage.redis.url_of("gateway"),
            "MOORAGE_DATABASE_URL": database_url,
            "MOORAGE_LOGIN__REGISTRATION": "open",
            "MOORAGE_LIMITS__ENABLED": "false",
            "MOORAGE_HTTP__DRAIN_SECONDS": "0",
            "MOORAGE_REPOSITORIES__PATTERNS": '[{"url": "https://**/**"}]',
            "MOORAGE_KUBERNETES__NAMESPACE": stage.namespaces[0],
            "MOORAGE_KUBERNETES__NAMESPACES": ",".join(stage.namespaces[1:]),
            "MOORAGE_LOG__FORMAT": "json",
        }

    def make(
        self,
        command: str = "serve",
        more: Mapping[str, str] = MappingProxyType({}),
        *,
        proxied: bool = False,
    ) -> Gateway:
        """Return another process, not started; ``proxied``: with faults on the way."""
        folder = self._folder / f"{command}-{len(self._made)}"
        folder.mkdir()
        kubeconfig = self._kubeconfigs[command]
        if proxied:
            kubeconfig = through(kubeconfig, self._stage.proxy.url)
        secrets = {"MOORAGE_LOGIN__SECRET": _LOGIN_SECRET} if command == "serve" else {}
        made = Gateway(command, folder, kubeconfig, {**self._settings, **secrets, **more})
        self._made.append(made)
        return made

    def logs(self) -> str:
        """Return what all of them logged."""
        return "".join(each.log for each in self._made)

    def close(self) -> None:
        """End all of them."""
        for each in self._made:
            each.close()


@contextmanager
def gateways(stage: Stage, database_url: str, folder: Path) -> Iterator[Gateways]:
    """Yield what makes gateways on a stage; end them afterwards."""
    made = Gateways(stage, database_url, folder)
    try:
        yield made
    finally:
        made.close()
