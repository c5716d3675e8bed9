"""All processes of a bench: the control plane, Redis, the load generator and the operator.

The API server, etcd and KWOK are the real ones, as the integration tests run them: etcd's data is
on disk, but not flushed to it at each write. The API server collects garbage as Go does by default.
The operator has exactly the rights that the chart gives it. There is no controller manager: nothing
is deleted.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from moorage_api.keys import SessionKeys
from moorage_api.names import API_VERSION, LABEL_SESSION_UID
from moorage_api.resources import Activity, ClaudeSession, Phase
from moorage_api.state import HEARTBEAT_SECONDS, SessionState, encode_state
from moorage_testing.controlplane.access import make_namespace
from moorage_testing.controlplane.options import STAGES, Options
from moorage_testing.controlplane.plane import ControlPlane, running_control_plane
from moorage_testing.operating.rules import operator_account
from moorage_testing.redis import RedisServer, running_redis
from performance.generator import Generator, Json, generating
from performance.operator.audit import AuditLog
from performance.operator.replica import HOME, Replica
from performance.procfs import QUIET_SECONDS, Stopwatch, wait_until_quiet
from performance.toolchain import load_generator

_NAMESPACE: Final = "bench"
_ACCOUNT: Final = "operator"
_GO_DEFAULT_GOGC: Final = 100
_START_SECONDS: Final = 60.0
_LIMIT_SECONDS: Final = 2400.0
_PREFIXES = count()
Workspace = Literal["ephemeral", "persistent"]


class CreationError(RuntimeError):
    """The API server refused sessions."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything runs, and the operator works."""

    plane: ControlPlane
    redis: RedisServer
    generator: Generator
    operator: Replica
    audit: AuditLog

    @property
    def processes(self) -> dict[str, int]:
        """The ids of all processes that belong to what is measured."""
        plane, redis = self.plane, self.redis
        assert plane.kwok is not None
        assert redis.pid is not None
        return {
            "operator": self.operator.pid,
            "apiserver": plane.apiserver.pid,
            "etcd": plane.etcd.pid,
            "kwok": plane.kwok.pid,
            "redis": redis.pid,
            "generator": self.generator.pid,
            "bench": os.getpid(),
        }

    def stopwatch(self) -> Stopwatch:
        """Measure how many cores each process keeps busy from now on."""
        return Stopwatch(**self.processes)

    def settle(self) -> None:
        """Wait until little else runs than what belongs here, but not for long."""
        wait_until_quiet(QUIET_SECONDS, **self.processes)

    def create(
        self,
        count: int,
        *,
        rate: float = 0,
        workers: int = 1,
        until_ready: bool = False,
        limit: float = 60,
    ) -> Json:
        """Have sessions created and wait until all are Ready, for so many seconds at most.

        At a rate whatever becomes of them (open loop), or by workers that send one request after
        the other, each when the one before is answered or its session is Ready.

        Raises:
            CreationError: The API server refused some.
        """
        order = {
            "do": "create",
            "prefix": f"bench-{next(_PREFIXES)}",
            "count": count,
            "rate": rate,
            "workers": workers,
            "untilReady": until_ready,
            "limit": limit,
        }
        answer = self.generator.ask(order)
        if answer["refused"]:
            raise CreationError(f"{len(answer['refused'])} refused: {answer['refused'][0]}")
        return answer


@contextmanager
def running(workspace: Workspace = "ephemeral") -> Iterator[Stage]:
    """Start everything; end it with the block."""
    binary = load_generator()
    audited = f"system:serviceaccount:{HOME}:{_ACCOUNT}"
    with tempfile.TemporaryDirectory(prefix="moorage-bench-", ignore_cleanup_errors=True) as name:
        audit = AuditLog(Path(name), audited)
        options = Options(stages=(STAGES,), apiserver_flags=audit.flags, gogc=_GO_DEFAULT_GOGC)
        with (
            running_control_plane(options) as plane,
            running_redis(tcp=True) as redis,
            generating(binary, "operator", {}, _LIMIT_SECONDS) as generator,
        ):
            account = operator_account(plane, HOME, name=_ACCOUNT)
            with plane.client() as admin:
                make_namespace(admin, _NAMESPACE)
            assert generator.ask(_place(plane, redis, workspace)) == {"stage": "following"}
            kubeconfig = plane.kubeconfig(account)
            operator = Replica(Path(name), kubeconfig, redis.url, redis.session_url)
            try:
                operator.start()
                operator.await_loaded(0, _START_SECONDS)
                yield Stage(plane, redis, generator, operator, audit)
            finally:
                operator.kill()


def _place(plane: ControlPlane, redis: RedisServer, workspace: Workspace) -> Json:
    """Return where the load generator works, and what the runners that it plays write."""
    state = SessionState(phase=Phase.READY, activity=Activity.IDLE)
    keys = SessionKeys("ID")
    return {
        "server": plane.server.url,
        "certificate": str(plane.server.certificate),
        "token": plane.administrator.token,
        "sessions": f"/apis/{API_VERSION}/namespaces/{_NAMESPACE}/{ClaudeSession.plural}",
        "pods": f"/api/v1/namespaces/{_NAMESPACE}/pods",
        "label": LABEL_SESSION_UID,
        "session": _session(workspace),
        "redis": str(redis.socket),
        "password": urlsplit(redis.url).password or "",
        "key": keys.state,
        "channel": keys.notify,
        "state": encode_state(state).decode(),
        "heartbeat": HEARTBEAT_SECONDS,
    }


def _session(workspace: Workspace) -> dict[str, Any]:
    """Return a session as a gateway creates it; NAME is replaced."""
    return {
        "apiVersion": API_VERSION,
        "kind": ClaudeSession.__name__,
        "metadata": {"name": "NAME"},
        "spec": {
            "repository": {"url": "https://git.example.com/harbour/lighthouse.git"},
            "prompt": "Why does the test of the lamp fail now and then? Find out and mend it.",
            "owner": "ada",
            "workspace": {"kind": workspace},
        },
    }
