"""Properties of `plan` in a model of the cluster: it converges, and nothing ends in two pods.

Kubelet, runner, people and failures act in any order; plans come from the present view or an old
one, and are cut off after any of their writes.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.resources import Activity, Phase
from moorage_operator.actions import CreatePod
from moorage_operator.plan import Plan

from .builders import session
from .cluster import Cluster, View

BUDGET = settings(max_examples=60, deadline=None)
ROUNDS = 40

WORDS = '{"reason": "RepositoryNotFound", "message": "There is none."}'
EVENTS: dict[str, Callable[[Cluster], None]] = {
    "kubelet": Cluster.kubelet,
    "kubelet again": Cluster.kubelet,
    "runner prepares": lambda cluster: cluster.runner(ready=False),
    "runner ready": Cluster.runner,
    "runner works": lambda cluster: cluster.runner(activity=Activity.WORKING),
    "runner fails": lambda cluster: cluster.end(1),
    "runner restarts": lambda cluster: cluster.end(75),
    "runner completes": lambda cluster: cluster.end(0),
    "runner completes, its agent hangs": lambda cluster: cluster.end_runner(0),
    "runner fails, its agent hangs": lambda cluster: cluster.end_runner(1),
    "runner cannot": lambda cluster: cluster.end(1, WORDS),
    "out of memory": lambda cluster: cluster.end(137, reason="OOMKilled"),
    "no image": Cluster.no_image,
    "deleted by hand": Cluster.delete_pod,
    "node lost": Cluster.lose_node,
    "node removed": Cluster.remove_node,
    "suspended": lambda cluster: cluster.set_suspend(suspend=True),
    "resumed": lambda cluster: cluster.set_suspend(suspend=False),
    "Redis away": lambda cluster: cluster.set_redis(away=True),
    "Redis back": lambda cluster: cluster.set_redis(away=False),
    "Redis flushed": Cluster.flush_redis,
    "a second": lambda cluster: cluster.wait(timedelta(seconds=1)),
    "a minute": lambda cluster: cluster.wait(timedelta(minutes=1)),
    "half an hour": lambda cluster: cluster.wait(timedelta(minutes=30)),
}
Step = tuple[str, int, int | None]
"""An event, how many views ago the plan's is, and after how many writes it is cut off."""

steps = st.lists(
    st.tuples(
        st.sampled_from([*EVENTS]),
        st.integers(0, 2),
        st.one_of(st.none(), st.integers(0, 4)),
    ),
    max_size=25,
)


def run(cluster: Cluster, history: list[Step]) -> None:
    """Let the events happen, with a reconcile after each."""
    views: list[View] = []
    for event, age, writes in history:
        EVENTS[event](cluster)
        views.append(cluster.view())
        cluster.reconcile(views[max(len(views) - 1 - age, 0)], writes)
        assert len(cluster.running) <= 1, "two pods run for one session"


def settle(cluster: Cluster) -> Plan:
    """Let everything go well from now on until nothing is left to do."""
    cluster.set_redis(away=False)
    cluster.remove_node()
    last = Plan()
    for _ in range(ROUNDS):
        before = cluster.seen
        cluster.kubelet()
        cluster.runner()
        last = cluster.reconcile()
        waits = cluster.session.status.phase in {Phase.PENDING, Phase.STARTING} or ends(cluster)
        if not last.steps and cluster.seen == before and not waits:
            return last
        if waits and last.requeue_after is not None:
            cluster.wait(min(last.requeue_after, timedelta(minutes=1)))
    return last


def ends(cluster: Cluster) -> bool:
    """Whether the session is over and something of its pod is not."""
    pod = cluster.seen.pod
    return cluster.session.status.phase.finished and pod is not None and not pod.over


def resting(cluster: Cluster) -> bool:
    """Whether the session is where its spec says, with neither more nor less around it."""
    phase, pod = cluster.session.status.phase, cluster.seen.pod
    if cluster.deleted:
        return True
    if phase.finished:
        return not ends(cluster)
    if cluster.session.spec.suspend:
        return phase is Phase.SUSPENDED and pod is None
    return phase is Phase.READY and pod is not None and pod.uid in cluster.running


@BUDGET
@given(steps)
def test_whatever_happened_it_converges_and_then_writes_nothing(history: list[Step]) -> None:
    cluster = Cluster()
    run(cluster, history)
    last = settle(cluster)
    assert resting(cluster), cluster.session.status
    assert not last.steps
    assert not cluster.reconcile().steps


@BUDGET
@given(steps, st.integers(1, 3))
def test_a_batch_session_comes_to_an_end(history: list[Step], tries: int) -> None:
    cluster = Cluster(session(interactive=False, prompt="Go.", retry={"limit": tries}))
    run(cluster, history)
    cluster.set_suspend(suspend=False)
    settle(cluster)
    cluster.end(0)
    settle(cluster)
    assert cluster.session.status.phase.finished
    assert cluster.session.status.finished_at is not None


@BUDGET
@given(steps)
def test_the_same_view_gives_the_same_plan(history: list[Step]) -> None:
    cluster = Cluster()
    run(cluster, history)
    view, now = cluster.view(), cluster.now
    first, second = Cluster(now=now), Cluster(now=now)
    assert first.reconcile(view, 0) == second.reconcile(view, 0)


def told(cluster: Cluster) -> tuple[object, ...]:
    """What the status tells: no failure is forgotten, and none counts twice."""
    status = cluster.session.status
    ready = [each.reason for each in status.conditions if each.type == "Ready"]
    return status.phase, status.attempts, status.retry_at, ready


def crashed(whole: Cluster, cut: Cluster, event: str, writes: int) -> None:
    """Let one of two equal clusters be cut off after some writes, and compare what both tell."""
    for cluster in (whole, cut):
        settle(cluster)
        EVENTS[event](cluster)
    whole.reconcile()
    cut.reconcile(writes=writes)
    for cluster in (whole, cut):
        cluster.reconcile()
        cluster.reconcile()
    assert told(cut) == told(whole)
    settle(whole)
    settle(cut)
    assert cut.session.status.phase == whole.session.status.phase
    assert (cut.seen.pod is None) == (whole.seen.pod is None)


@pytest.mark.parametrize("writes", range(4))
@pytest.mark.parametrize("event", EVENTS)
def test_a_crash_between_any_two_writes_forgets_nothing_and_counts_nothing_twice(
    event: str, writes: int
) -> None:
    crashed(Cluster(), Cluster(), event, writes)


@BUDGET
@given(steps, st.sampled_from([*EVENTS]), st.integers(0, 3))
def test_nor_does_it_whatever_happened_before(history: list[Step], event: str, writes: int) -> None:
    whole, cut = Cluster(), Cluster()
    for cluster in (whole, cut):
        run(cluster, history)
    crashed(whole, cut, event, writes)


@BUDGET
@given(
    st.lists(st.sampled_from(["runner fails", "out of memory", "no image"]), min_size=1, max_size=4)
)
def test_failures_in_a_row_end_the_session_at_its_limit(failures: list[str]) -> None:
    cluster = Cluster(session(retry={"limit": 2}, timeouts={"start": "8h"}))
    for failure in failures:
        _until_it_may_fail(cluster, failure)
        EVENTS[failure](cluster)
        cluster.reconcile()
        cluster.reconcile()
    expected = Phase.FAILED if len(failures) > 2 else Phase.PENDING
    assert cluster.session.status.phase is expected
    assert cluster.created == min(len(failures), 3)


def _until_it_may_fail(cluster: Cluster, failure: str) -> None:
    for _ in range(8):
        decided = cluster.reconcile()
        if decided.requeue_after and cluster.session.status.retry_at:
            cluster.wait(decided.requeue_after)
        if failure != "no image":
            cluster.kubelet()
        elif cluster.seen.pod is not None:
            return


def test_uneventful_it_is_ready_after_four_writes_and_its_redis_user() -> None:
    cluster = Cluster(session(workspace={"kind": "ephemeral"}))
    written = len(cluster.reconcile().steps)
    for _ in range(4):
        cluster.kubelet()
        cluster.runner()
        written += len(cluster.reconcile().steps)
    assert cluster.session.status.phase is Phase.READY
    assert written == 5, "Secret, Redis user, pod, and the status as Starting and as Ready"


def test_a_stale_view_never_makes_a_second_pod() -> None:
    cluster = Cluster()
    old = cluster.view()
    cluster.reconcile()
    assert cluster.created == 1
    again = cluster.reconcile(old)
    assert CreatePod() in again.actions
    assert cluster.created == 1
