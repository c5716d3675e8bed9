"""Everything an operator test needs at once: namespaces, Redis, crew, record, operators.

Each stage has namespaces and a Lease of its own and watches only its own, so that stages may share
a control plane.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from redis import Redis

from moorage_api.keys import SessionKeys
from moorage_testing.controlplane.access import make_namespace
from moorage_testing.controlplane.api import Account, Api
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.operating.background import Background
from moorage_testing.operating.crew import Crew
from moorage_testing.operating.process import Operator, Settings, through
from moorage_testing.operating.proxy import FaultyProxy
from moorage_testing.operating.record import PodRecord
from moorage_testing.operating.rules import operator_account
from moorage_testing.operating.sessions import Sessions
from moorage_testing.redis import RedisServer, running_redis

_SESSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@dataclass
class Stage:
    """What ``stage`` has set up."""

    plane: ControlPlane
    admin: Api
    redis: RedisServer
    background: Background
    crew: Crew
    record: PodRecord
    proxy: FaultyProxy
    home: str
    namespaces: tuple[str, ...]
    account: Account
    settings: Settings
    operators: list[Operator] = field(default_factory=list)

    def operator(
        self,
        name: str = "operator",
        more: Mapping[str, str] = MappingProxyType({}),
        *,
        proxied: bool = False,
    ) -> Operator:
        """Return another replica, not started; ``more`` are settings, as LIMITS__PER_OWNER."""
        kubeconfig = self.plane.kubeconfig(self.account)
        if proxied:
            kubeconfig = through(kubeconfig, self.proxy.url)
        folder = self.folder / f"{name}-{len(self.operators)}"
        folder.mkdir()
        made = Operator(name, folder, kubeconfig, self.settings.with_more(more))
        self.operators.append(made)
        return made

    @property
    def folder(self) -> Path:
        """Where the operators' logs are."""
        return self.redis.folder

    def sessions(self, number: int = 0) -> Sessions:
        """Return the sessions of one of its namespaces."""
        return Sessions(self.admin, self.namespaces[number])

    def redis_client(self) -> Redis:
        """Return an administrator's client of Redis, to be closed."""
        return Redis.from_url(self.redis.url, protocol=2, decode_responses=True)

    def session_users(self) -> set[str]:
        """Return the sessions that have a user in Redis; the chart's own have other names."""
        with self.redis_client() as redis:
            ends = [_SESSION.search(each) for each in redis.acl_users()]
        return {end.group() for end in ends if end}

    def redis_user(self, session_id: str) -> Redis:
        """Return a client that logs in as a session's runner does, to be closed."""
        url = self.crew.member(session_id).post.redis_url
        return Redis.from_url(url, protocol=2, decode_responses=True)

    def said(self) -> str:
        """Return what the runners say in Redis, a session a line."""
        with self.redis_client() as redis:
            keys = sorted(redis.scan_iter(SessionKeys("*").state))
            return "".join(f"{key}: {redis.hgetall(key)}\n" for key in keys)

    def logs(self) -> str:
        """Return what all operators logged."""
        return "".join(each.log for each in self.operators)


@contextmanager
def stage(plane: ControlPlane, *, namespaces: int = 1, everywhere: bool = False) -> Iterator[Stage]:
    """Set a stage up; end everything afterwards. ``everywhere``: its operators watch all."""
    mark = uuid.uuid4().hex[:8]
    home = f"moorage-{mark}"
    names = tuple(f"team-{mark}-{number}" for number in range(namespaces))
    watched = () if everywhere else names
    with (
        plane.client() as admin,
        running_redis(tcp=True, seven=True) as redis,
        Background() as background,
    ):
        for name in (home, *names):
            make_namespace(admin, name)
        crew, record = Crew(background, plane, names), PodRecord()
        proxy = FaultyProxy(background, plane.server)
        proxy.start()
        crew.start()
        record.start(background, plane)
        account = operator_account(plane, home, watched, f"operator-{mark}")
        settings = Settings(redis.url_of("operator"), redis.session_url, home, watched)
        made = Stage(
            plane, admin, redis, background, crew, record, proxy, home, names, account, settings
        )
        try:
            yield made
        finally:
            for operator in made.operators:
                operator.kill()
            for name in (home, *names):
                admin.delete(f"/api/v1/namespaces/{name}")
