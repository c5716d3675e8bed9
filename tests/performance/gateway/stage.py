"""All processes of a bench: an API server with sessions, PostgreSQL, Redis, the gateway.

PostgreSQL writes to the disk before it answers, as it does by default. There is no operator: the
sessions are Ready because the bench says so, and what runners write to Redis it writes itself.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
from redis import Redis

from moorage_api.keys import SessionKeys
from moorage_api.names import API_VERSION
from moorage_api.resources import Activity, ClaudeSession, Phase
from moorage_api.state import FIELD, HEARTBEAT_FIELD, SessionState, encode_state
from moorage_gateway.app import AUTH, BASE
from moorage_gateway.db.migrate import migrate
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.controlplane.access import make_namespace
from moorage_testing.controlplane.options import Options
from moorage_testing.controlplane.plane import ControlPlane, running_control_plane
from moorage_testing.postgres import PostgresServer, running_postgres
from moorage_testing.redis import RedisServer, running_redis
from performance.gateway.environment import gateway_python
from performance.gateway.replica import Replica
from performance.procfs import QUIET_SECONDS, Stopwatch, wait_until_quiet

_NAMESPACE: Final = "bench"
_GO_DEFAULT_GOGC: Final = 100
_PASSWORD: Final = "correct horse battery"
_AHEAD: Final = 86_400.0
"""Seconds that the runners' signs of life are ahead: nobody renews them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything runs but the gateway, of which ``gateway`` makes one."""

    folder: Path
    python: str
    plane: ControlPlane
    redis: RedisServer
    postgres: PostgresServer
    database_url: str

    def settings(self) -> dict[str, str]:
        """Return the gateway's variables: users log in, limits count and are never reached.

        As in a cluster, somebody else has brought the tables to its version.
        """
        plenty = "100000000/minute"
        limits = ("SESSIONS", "MESSAGES", "FILES", "READS", "WRITES")
        return {
            "MOORAGE_HOME": str(self.folder),
            "MOORAGE_REDIS_URL": self.redis.url,
            "MOORAGE_DATABASE_URL": self.database_url,
            "MOORAGE_DATABASE__MIGRATE_AT_START": "false",
            "MOORAGE_LOGIN__SECRET": "0123456789abcdef0123456789abcdef",
            "MOORAGE_LOGIN__ACCESS_MINUTES": "60",
            "MOORAGE_REPOSITORIES__PATTERNS": '[{"url": "https://**/**"}]',
            "MOORAGE_QUOTAS__SESSIONS_RUNNING": "0",
            "MOORAGE_QUOTAS__SESSIONS_CREATED": "0",
            "MOORAGE_KUBERNETES__NAMESPACE": _NAMESPACE,
            "MOORAGE_HTTP__DRAIN_SECONDS": "0",
            "KUBECONFIG": str(self.plane.kubeconfig()),
            **{f"MOORAGE_LIMITS__{name}": plenty for name in limits},
            "MOORAGE_LIMITS__STREAMS": "100000",
        }

    @contextmanager
    def gateway(self) -> Iterator[Replica]:
        """Start a gateway; it ends with the block."""
        replica = Replica(self.python, self.folder, self.settings())
        try:
            replica.start()
            yield replica
        finally:
            replica.stop()

    @contextmanager
    def serving(self, sessions: int) -> Iterator["Serving"]:
        """Start a gateway on which somebody has sessions that are Ready."""
        with self.gateway() as replica:
            user = Serving(self, replica, *_signed_in(replica.url), [])
            for _ in range(sessions):
                user.sessions.append(user.make_session())
            self._await_ready(user)
            yield user

    def _await_ready(self, user: "Serving") -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            page = user.ask("GET", f"{BASE}/sessions?phase=Ready&limit=1")
            if page["total"] == len(user.sessions):
                return
            time.sleep(0.05)
        raise RuntimeError("the gateway does not see the sessions Ready")

    def processes(self, gateway: int) -> dict[str, int]:
        """Return the ids of all processes that belong to what is measured."""
        assert self.redis.pid is not None
        assert self.postgres.pid is not None
        return {
            "gateway": gateway,
            "apiserver": self.plane.apiserver.pid,
            "etcd": self.plane.etcd.pid,
            "redis": self.redis.pid,
            "bench": os.getpid(),
        }


@dataclass(frozen=True, slots=True)
class Serving:
    """A gateway that serves, and a user of it with sessions."""

    stage: Stage
    replica: Replica
    token: str
    user_id: str
    sessions: list[str]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request that must succeed."""
        answer = httpx2.request(
            method,
            f"{self.replica.url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            trust_env=False,
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json()

    def make_session(self) -> str:
        """Create a session and have it Ready, with a runner that lives."""
        body = {"projectPath": "https://git.example.com/harbour/lighthouse.git"}
        made = self.ask("POST", f"{BASE}/sessions", body)
        session_id: str = made["id"]
        path = f"/apis/{API_VERSION}/namespaces/{_NAMESPACE}/{ClaudeSession.plural}/{made['name']}"
        with self.stage.plane.client() as admin:
            admin.merge(f"{path}/status", {"status": {"phase": "Ready", "activity": "Idle"}})
        state = SessionState(phase=Phase.READY, activity=Activity.IDLE)
        beat = str(time.time() + _AHEAD).encode()
        values: Mapping[Any, Any] = {FIELD: encode_state(state), HEARTBEAT_FIELD: beat}
        with Redis.from_url(self.stage.redis.url) as redis:
            redis.hset(SessionKeys(session_id).state, mapping=dict(values))
        return session_id

    def stopwatch(self, **more: int) -> Stopwatch:
        """Measure how many cores each process keeps busy from now on."""
        return Stopwatch(**self.stage.processes(self.replica.pid), **more)

    def settle(self) -> None:
        """Wait until little else runs than what belongs here, but not for long."""
        wait_until_quiet(QUIET_SECONDS, **self.stage.processes(self.replica.pid))


def _signed_in(url: str) -> tuple[str, str]:
    """Make an account, or log in to it; return an access token and the user's id."""
    body = {"email": "bench@example.com", "password": _PASSWORD}
    with httpx2.Client(base_url=f"{url}{AUTH}", trust_env=False, timeout=30) as auth:
        answer = auth.post("/register", json=body)
        if answer.status_code == httpx2.codes.CONFLICT:
            answer = auth.post("/login", json=body)
        answer.raise_for_status()
    signed_in = answer.json()
    return signed_in["accessToken"], signed_in["user"]["id"]


@contextmanager
def running() -> Iterator[Stage]:
    """Start everything but the gateway; end it with the block."""
    with (
        tempfile.TemporaryDirectory(prefix="moorage-bench-", ignore_cleanup_errors=True) as name,
        running_control_plane(Options(gogc=_GO_DEFAULT_GOGC)) as plane,
        running_redis() as redis,
        running_postgres(durable=True) as postgres,
    ):
        with plane.client() as admin:
            make_namespace(admin, _NAMESPACE)
        url = postgres.url(postgres.make_database())
        migrate(url, DatabaseSettings())
        folder = Path(name)
        yield Stage(folder, gateway_python(folder), plane, redis, postgres, url)
