"""The crew: logs in as a runner does, keeps its state, and ends with its pod."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from moorage_api.keys import SessionKeys
from moorage_api.resources import Activity, Phase
from moorage_api.state import SessionState, decode_state
from moorage_operator.build import Login, Subject, build_pod, build_secret
from moorage_operator.settings import PodSettings
from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.background import Background
from moorage_testing.operating.crew import Crew
from moorage_testing.operating.member import Member, Script
from moorage_testing.operating.record import PodRecord
from moorage_testing.operating.sessions import Sessions
from moorage_testing.redis import RedisServer, running_redis

POD = PodSettings(runner_image="runner", agent_image="agent", proxy_url="http://proxy")


class ByHand:
    """Does for a session what the operator would, without one."""

    def __init__(self, admin: Api, namespace: str, server: RedisServer, redis: Redis) -> None:
        self.sessions = Sessions(admin, namespace)
        self.redis = redis
        self._server = server
        self._admin = admin

    def session(self, **spec: Any) -> str:
        self.sessions.create(**spec)
        session = self.sessions.get()
        subject = Subject(session, session.spec)
        url = self._server.session_url.replace("//", f"//{subject.uid}:word@")
        self.create("secrets", build_secret(subject, Login(SecretStr(url), SecretStr("token"))))
        self.create("pods", build_pod(subject, POD))
        return subject.uid

    def grant(self, uid: str) -> None:
        self.redis.acl_setuser(
            uid, enabled=True, passwords=["+word"], categories=["+@all"], keys=["*"], channels=["*"]
        )

    def state(self, uid: str) -> SessionState | None:
        fields: Any = self.redis.hgetall(SessionKeys(uid).state)
        return decode_state(fields)

    def awaits(self, uid: str, **expected: Any) -> SessionState:
        def pending() -> str | None:
            state = self.state(uid)
            if state is None:
                return "no state"
            has = {key: getattr(state, key) for key in expected}
            return None if has == expected else str(has)

        until(f"{uid} {expected}", 10, pending)
        state = self.state(uid)
        assert state is not None
        return state

    def create(self, plural: str, manifest: dict[str, Any]) -> None:
        self._admin.create(f"/api/v1/namespaces/{self.sessions.namespace}/{plural}", manifest)


@pytest.fixture
def crew(background: Background, control_plane: ControlPlane, namespace: str) -> Crew:
    made = Crew(background, control_plane, [namespace])
    made.start()
    return made


@pytest.fixture
def by_hand(admin: Api, namespace: str) -> Iterator[ByHand]:
    with running_redis(tcp=True) as server, Redis.from_url(server.url, protocol=2) as redis:
        yield ByHand(admin, namespace, server, redis)


def test_it_says_nothing_before_it_may_log_in(crew: Crew, by_hand: ByHand) -> None:
    uid = by_hand.session()
    assert crew.member(uid).post.spec["repository"]["url"]
    assert by_hand.state(uid) is None
    by_hand.grant(uid)
    state = by_hand.awaits(uid, phase=Phase.READY, activity=Activity.IDLE)
    assert state.start_commit
    assert any("word" in secret for secret in crew.secrets)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (Script.STARTS, {"phase": Phase.STARTING}),
        (Script.WORKS, {"phase": Phase.READY, "activity": Activity.WORKING}),
        (Script.ASKS, {"phase": Phase.READY, "activity": Activity.AWAITING_APPROVAL}),
        ("Say hello.", {"activity": Activity.IDLE, "last_turn_id": "turn-1"}),
    ],
)
def test_its_prompt_says_what_it_does(
    script: str, expected: dict[str, Any], crew: Crew, by_hand: ByHand
) -> None:
    uid = by_hand.session(prompt=script)
    by_hand.grant(uid)
    by_hand.awaits(uid, **expected)


def test_it_completes(crew: Crew, by_hand: ByHand) -> None:
    uid = by_hand.session(prompt=Script.COMPLETES, interactive=False)
    by_hand.grant(uid)
    session = by_hand.sessions.get()

    def pending() -> str | None:
        pod = by_hand.sessions.pod(session)
        assert pod is not None
        return None if pod["status"]["phase"] == "Succeeded" else pod["status"]["phase"]

    until("the pod succeeded", 10, pending)


def test_it_does_as_it_is_told(crew: Crew, by_hand: ByHand) -> None:
    uid = by_hand.session()
    by_hand.grant(uid)
    by_hand.awaits(uid, activity=Activity.IDLE)
    crew.tell(uid, Member.works)
    by_hand.awaits(uid, activity=Activity.WORKING)
    crew.tell(uid, Member.asks)
    assert by_hand.awaits(uid, activity=Activity.AWAITING_APPROVAL).pending_approvals
    crew.tell(uid, Member.rests)
    by_hand.awaits(uid, activity=Activity.IDLE, pending_approvals=[])


def test_it_ends_with_its_pod_and_another_goes_on(
    crew: Crew, by_hand: ByHand, background: Background, control_plane: ControlPlane
) -> None:
    record = PodRecord()
    record.start(background, control_plane)
    uid = by_hand.session()
    by_hand.grant(uid)
    by_hand.awaits(uid, activity=Activity.IDLE)
    first = crew.end(uid, "exited", **{"exit-code": "75"})
    session = by_hand.sessions.get()
    until("it gone", 10, lambda: "there" if crew.here(uid) else None)
    by_hand.sessions.delete_pod(session)
    until("the pod gone", 10, lambda: "there" if by_hand.sessions.pod(session) else None)

    def another() -> str | None:
        # As often as need be: KWOK may do the first one's deletion again, and goes by its name.
        if by_hand.sessions.pod(session) is None:
            by_hand.create("pods", build_pod(Subject(session, session.spec), POD))
        return None if crew.here(uid) else "nobody"

    until("another runner", 40, another)
    both = {first.post.pod_uid, crew.member(uid).post.pod_uid}
    assert len(both) == 2
    assert record.doubles == []
    until("both recorded", 10, lambda: None if both <= set(record.pods[uid]) else str(record.pods))


def test_it_falls_silent(crew: Crew, by_hand: ByHand) -> None:
    uid = by_hand.session()
    by_hand.grant(uid)
    by_hand.awaits(uid, activity=Activity.IDLE)
    crew.tell(uid, Member.falls_silent)
    by_hand.redis.delete(SessionKeys(uid).state)
    crew.check()
    assert by_hand.state(uid) is None
