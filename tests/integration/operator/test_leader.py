"""Two replicas and one Lease: who stands by, who takes over, and never two pods of a session."""

from collections.abc import Iterator

import pytest

from moorage_api.resources import Phase
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.process import Operator
from moorage_testing.operating.sessions import Sessions
from moorage_testing.operating.stage import Stage, stage


@pytest.fixture
def pair(control_plane: ControlPlane) -> Iterator[Stage]:
    with stage(control_plane) as made:
        made.operator("one").start()
        made.operator("two").start(leading=False)
        yield made
        print(made.logs())


def test_one_leads_and_the_other_takes_over(pair: Stage) -> None:
    one, two = pair.operators
    sessions = pair.sessions()
    assert (one.leading, two.leading) == (True, False)
    assert two.get("/healthz").status_code == two.get("/readyz").status_code == 200
    uid = sessions.create()
    before = sessions.await_phase(Phase.READY)
    assert two.metric("moorage_operator_api_writes_total") == 0
    one.kill()
    sessions.create("meanwhile")
    two.await_leading()
    sessions.await_phase(Phase.READY, "meanwhile")
    assert sessions.get().status.pod_uid == before.status.pod_uid
    one.start(leading=False)
    assert not one.leading
    assert len(pair.record.pods[uid]) == 1
    assert pair.record.doubles == []


def test_who_is_asked_to_end_gives_the_lease_back(pair: Stage) -> None:
    one, two = pair.operators
    assert one.stop() == 0
    two.await_leading(3)
    assert lease_holder(pair) != ""


def test_who_cannot_renew_ends_and_does_nothing_more(pair: Stage) -> None:
    """Paused longer than the Lease lasts, it must not go on when it wakes up."""
    one, two = pair.operators
    one.process.pause()
    two.await_leading()
    written = pair.sessions()
    one.process.resume()
    assert one.process.wait(20) == 1
    written.create()
    written.await_phase(Phase.READY)
    assert pair.record.doubles == []


def test_the_leader_is_killed_again_and_again(pair: Stage) -> None:
    """While sessions come, rest and go on: none is stuck, none has two pods."""
    sessions = pair.sessions()
    names = [f"s{number}" for number in range(6)]
    for number, name in enumerate(names):
        sessions.create(name)
        if number % 2:
            sessions.await_phase(Phase.READY, name)
            sessions.change(name, suspend=True)
            change_of_leader(pair)
            sessions.change(name, suspend=False)
    for name in names:
        sessions.await_phase(Phase.READY, name, seconds=40)
    assert_users(pair, sessions, names)
    assert pair.record.doubles == []


def change_of_leader(stage: Stage) -> None:
    """Kill the one that leads, wait for the other, and start the first again."""
    leader = leading(stage)
    leader.kill()
    other = next(each for each in stage.operators if each is not leader)
    other.await_leading()
    leader.start(leading=False)


def leading(stage: Stage) -> Operator:
    def pending() -> str | None:
        return None if any(each.leading for each in stage.operators) else "nobody leads"

    until("a leader", 20, pending)
    return next(each for each in stage.operators if each.leading)


def lease_holder(stage: Stage) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{stage.home}/leases/moorage-operator"
    holder: str = stage.admin.get(path)["spec"].get("holderIdentity", "")
    return holder


def assert_users(stage: Stage, sessions: Sessions, names: list[str]) -> None:
    uids = {sessions.get(name).metadata.uid or "" for name in names}
    assert stage.session_users() == uids
