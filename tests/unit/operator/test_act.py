"""Plans carried out on an API in memory: each write safe to repeat, the old view refused."""

from datetime import timedelta
from typing import Any

import pytest

from moorage_api.kube.errors import (
    KubernetesError,
    ObjectGoneError,
    RefusedError,
    ViewOutdatedError,
)
from moorage_api.resources import Activity, ClaudeSession, Phase, SessionStatus
from moorage_operator.act import Actor, status_patch
from moorage_operator.digest import spec_digest
from moorage_operator.disruption import DisruptionBudgets
from moorage_operator.observed import Observed, SecretSeen
from moorage_operator.plan import Plan, plan
from moorage_operator.seen import pod_seen, secret_seen

from .api import MemoryAccess, MemoryApi
from .builders import (
    NOW,
    POD_UID,
    UID,
    live,
    observed,
    running,
    session,
    starting_pod,
    state,
    status,
)
from .test_build import POD


class Bench:
    """An actor with what it writes to, and a session that is there."""

    def __init__(self, made: ClaudeSession) -> None:
        self.api, self.access = MemoryApi(), MemoryAccess()
        self.actor = Actor(self.api, self.access, DisruptionBudgets(self.api.create), POD)
        self.api.put(made.model_dump(mode="json", by_alias=True, exclude_none=True))

    @property
    def session(self) -> ClaudeSession:
        return ClaudeSession.model_validate(self.api.get("ClaudeSession"))

    def seen(self) -> Observed:
        pod, secret = self.api.get("Pod"), self.api.get("Secret")
        return Observed(
            pod=pod_seen(pod) if pod else None,
            secret=secret_seen(secret) if secret else None,
            claim=self.api.get("PersistentVolumeClaim") is not None,
            live=live(access=UID in self.access.users),
        )

    async def reconcile(self, seen: Observed | None = None, at: float = 0.0) -> Plan:
        found = self.session
        decided = plan(found, seen or self.seen(), NOW + timedelta(seconds=at))
        await self.actor.carry_out(found, decided)
        return decided


async def test_a_new_session_gets_all_it_needs_and_then_nothing_more() -> None:
    bench = Bench(session())
    await bench.reconcile()
    assert bench.api.writes == [
        "create PersistentVolumeClaim",
        "create Secret",
        "create Pod",
        "patch ClaudeSession status",
    ]
    assert bench.session.status.phase is Phase.STARTING
    assert bench.access.users == {UID: f"redis://{UID}:made-up@redis"}
    await bench.reconcile()
    assert len(bench.api.writes) == 4


async def test_an_ephemeral_session_is_ready_after_four_writes() -> None:
    bench = Bench(session(workspace={"kind": "ephemeral"}))
    await bench.reconcile()
    pod = bench.api.get("Pod")
    assert pod is not None
    running_since = {"startedAt": "2026-01-31T12:00:00Z"}
    pod["status"] = {
        "phase": "Running",
        "containerStatuses": [{"name": "runner", "state": {"running": running_since}}],
    }
    seen = Observed(
        pod=pod_seen(pod),
        secret=bench.seen().secret,
        live=live(state(), heartbeat=NOW + timedelta(seconds=1)),
    )
    await bench.reconcile(seen, at=1)
    assert bench.session.status.phase is Phase.READY
    assert len(bench.api.writes) == 4


@pytest.mark.parametrize("failed", ["create Pod", "patch ClaudeSession status"])
async def test_a_write_that_fails_is_made_up_for_by_the_next_pass(failed: str) -> None:
    bench = Bench(session())
    bench.api.fail[failed] = ViewOutdatedError()
    with pytest.raises(ViewOutdatedError):
        await bench.reconcile()
    await bench.reconcile()
    assert bench.session.status.phase is Phase.STARTING
    assert bench.api.writes.count("create Pod") == 1


async def test_the_login_is_the_one_in_the_secret_that_was_there_already() -> None:
    bench = Bench(session())
    there = {"namespace": "team-a", "name": f"session-{UID}"}
    bench.api.put({"kind": "Secret", "metadata": there})
    await bench.reconcile(observed(secret=None))
    assert bench.access.users == {UID: ""}
    assert bench.seen().secret == SecretSeen(spec_digest(bench.session.spec)), (
        "it has the spec of now"
    )


async def test_a_new_secret_brings_its_new_login_to_redis() -> None:
    bench = Bench(session(status(Phase.STARTING, since=NOW)))
    bench.access.users = {UID: "an old login"}
    await bench.reconcile(observed(pod=starting_pod(), secret=None))
    assert bench.access.users == {UID: f"redis://{UID}:made-up@redis"}


async def test_what_was_decided_from_an_old_view_is_refused() -> None:
    bench = Bench(session(workspace={"kind": "ephemeral"}))
    before, seen = bench.session, bench.seen()
    decided = plan(before, seen, NOW)
    await bench.actor.carry_out(before, decided)
    pod = bench.api.get("Pod")
    with pytest.raises(ViewOutdatedError):
        await bench.actor.carry_out(before, decided)
    assert bench.api.get("Pod") is pod


async def test_a_status_is_not_written_over_a_newer_one() -> None:
    bench = Bench(session(status(Phase.STARTING, since=NOW)))
    before = bench.session
    bench.api.put(before.model_dump(mode="json", by_alias=True, exclude_none=True))
    with pytest.raises(ViewOutdatedError):
        await bench.actor.carry_out(before, plan(before, running(), NOW))


async def test_a_refused_pod_becomes_a_condition() -> None:
    bench = Bench(session())
    bench.api.fail["create Pod"] = RefusedError(403, "exceeded quota: pods.")
    with pytest.raises(RefusedError):
        await bench.reconcile()
    await bench.reconcile(observed(refusal="exceeded quota: pods."))
    told = bench.session.status
    assert told.phase is Phase.PENDING
    assert told.message is not None
    assert "exceeded quota: pods." in told.message


async def test_a_pod_that_took_the_name_of_another_is_not_deleted() -> None:
    bench = Bench(session(status(), suspend=True))
    bench.api.put({"kind": "Pod", "metadata": {"namespace": "team-a", "name": f"session-{UID}"}})
    await bench.reconcile(running())
    assert bench.api.get("Pod") is not None
    assert bench.session.status.phase is Phase.SUSPENDING


async def test_deleting_what_is_gone_is_no_error() -> None:
    bench = Bench(session(status(), suspend=True))
    await bench.reconcile(running())
    assert bench.session.status.phase is Phase.SUSPENDING


async def test_a_session_that_is_gone_is_told_apart() -> None:
    bench = Bench(session(status(), suspend=True))
    before = bench.session
    bench.api.objects.clear()
    with pytest.raises(ObjectGoneError):
        await bench.actor.carry_out(before, plan(before, running(), NOW))


async def test_an_idle_session_is_suspended_with_two_writes() -> None:
    bench = Bench(session(status(), timeouts={"idle": "1m"}))
    idle = running(state(last_activity_at=NOW - timedelta(hours=1)))
    await bench.reconcile(idle)
    assert bench.api.writes == ["patch ClaudeSession status", "patch ClaudeSession"]
    assert bench.session.spec.suspend
    assert bench.session.status.phase is Phase.SUSPENDING


async def test_the_autoscalers_mark_is_written() -> None:
    bench = Bench(session(status()))
    meta = {"namespace": "team-a", "name": f"session-{UID}", "uid": POD_UID}
    bench.api.put({"kind": "Pod", "metadata": meta})
    await bench.reconcile(running(state(activity=Activity.WORKING)))
    pod = bench.api.get("Pod")
    assert pod is not None
    assert not pod_seen(pod).safe_to_evict


async def test_a_budget_keeps_drains_from_work_and_comes_back_where_it_was_deleted() -> None:
    api = MemoryApi()
    budgets = DisruptionBudgets(api.create)
    await budgets.ensure("team-a")
    await budgets.ensure("team-a")
    assert api.writes == ["create PodDisruptionBudget"]
    for at_work in (["team-a"], []):
        api.objects.clear()
        await budgets.renew(at_work)
        await budgets.ensure("team-a")
        assert api.get("PodDisruptionBudget") is not None
    await budgets.renew(["team-a"])  # it is there
    assert len(api.writes) == 4


@pytest.mark.parametrize("error", [RefusedError(403, "forbidden."), ObjectGoneError()])
async def test_a_budget_that_is_refused_is_asked_for_again(error: KubernetesError) -> None:
    api = MemoryApi()
    budgets = DisruptionBudgets(api.create)
    api.fail["create PodDisruptionBudget"] = error
    await budgets.ensure("team-a")
    assert api.get("PodDisruptionBudget") is None
    await budgets.ensure("team-a")
    assert api.get("PodDisruptionBudget") is not None


async def test_a_session_past_its_time_after_the_end_is_deleted() -> None:
    over = status(Phase.FAILED, finished_at=NOW - timedelta(days=8))
    bench = Bench(session(over))
    bench.access.users[UID] = "x"
    await bench.reconcile()
    assert bench.api.get("ClaudeSession") is None
    assert not bench.access.users


def test_a_patch_has_only_what_changed_and_null_for_what_is_gone() -> None:
    before = SessionStatus(phase=Phase.READY, pod_name="p", message="m")
    after = SessionStatus(phase=Phase.SUSPENDED, message="m")
    expected: dict[str, Any] = {"phase": "Suspended", "podName": None}
    assert status_patch(before, after) == expected
    assert status_patch(after, after) == {}
