"""Limits and plans together: several sessions, any events, never more than may run."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.resources import ClaudeSession, Phase
from moorage_operator.admission import Limits, contender, places
from moorage_operator.observed import Place

from .builders import NOW, session
from .cluster import Cluster
from .test_convergence import EVENTS

NAMESPACE_LIMIT, OWNER_LIMIT = 3, 2
LIMITS = Limits(NAMESPACE_LIMIT, OWNER_LIMIT)
OWNERS = ("ann", "ann", "ann", "bob", "bob", "cid")
HAPPENS = sorted({*EVENTS} - {"half an hour", "runner completes", "runner cannot"})


def several() -> list[Cluster]:
    return [Cluster(_numbered(number, owner)) for number, owner in enumerate(OWNERS)]


def _numbered(number: int, owner: str) -> ClaudeSession:
    made = session(owner=owner, timeouts={"start": "8h"}, retry={"limit": 100})
    meta = made.metadata.model_copy(
        update={"uid": f"uid-{number}", "creation_timestamp": NOW + timedelta(seconds=number)}
    )
    return made.model_copy(update={"metadata": meta})


def reconcile(clusters: list[Cluster], one: Cluster, writes: int | None = None) -> None:
    """Reconcile one of the sessions with the place it has in the line of all."""
    claims = [contender(each.session, has_pod=each.seen.pod is not None) for each in clusters]
    found = places((each for each in claims if each is not None), LIMITS)
    place = found.get(one.session.metadata.uid or "", Place())
    one.seen = replace(one.seen, place=place)
    one.reconcile(writes=writes)


def running(clusters: list[Cluster]) -> list[Cluster]:
    return [each for each in clusters if each.seen.pod is not None]


def within_limits(clusters: list[Cluster]) -> bool:
    owners = [each.session.spec.owner for each in running(clusters)]
    most = max((owners.count(owner) for owner in owners), default=0)
    return len(owners) <= NAMESPACE_LIMIT and most <= OWNER_LIMIT


def rounds(clusters: list[Cluster], count: int) -> None:
    """Let everything go well for a while."""
    for _ in range(count):
        for each in clusters:
            each.wait(timedelta(seconds=30))
            each.kubelet()
            each.runner()
            reconcile(clusters, each)


happenings = st.lists(
    st.tuples(
        st.integers(0, len(OWNERS) - 1),
        st.sampled_from(HAPPENS),
        st.one_of(st.none(), st.integers(0, 4)),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(happenings)
def test_never_more_run_than_may_and_in_the_end_as_many_as_may(
    history: list[tuple[int, str, int | None]],
) -> None:
    clusters = several()
    for which, event, writes in history:
        EVENTS[event](clusters[which])
        reconcile(clusters, clusters[which], writes)
        assert within_limits(clusters)
    for each in clusters:
        each.set_redis(away=False)
        each.remove_node()
        each.set_suspend(suspend=False)
    rounds(clusters, 12)
    assert within_limits(clusters)
    ready = [each for each in clusters if each.session.status.phase is Phase.READY]
    waiting = [each for each in clusters if each.session.status.phase is Phase.PENDING]
    assert len(ready) == NAMESPACE_LIMIT
    assert len(ready) + len(waiting) == len(clusters)
    assert all("number" in (each.session.status.message or "") for each in waiting)


def test_a_place_is_free_only_once_the_status_says_so() -> None:
    """Found by the property above: suspended, and resumed before anybody looked."""
    clusters = several()
    first = clusters[0]
    reconcile(clusters, first)
    first.set_suspend(suspend=True)
    reconcile(clusters, first)
    assert first.seen.pod is None
    for other in clusters[1:]:
        reconcile(clusters, other)
    first.set_suspend(suspend=False)
    rounds(clusters, 12)
    assert within_limits(clusters)


def test_everyone_runs_in_turn_as_others_are_suspended() -> None:
    clusters, ran = several(), list[str]()
    for _ in OWNERS:
        rounds(clusters, 4)
        now = [each for each in clusters if each.session.status.phase is Phase.READY]
        ran += [each.session.metadata.uid or "" for each in now]
        now[0].set_suspend(suspend=True)
        rounds(clusters, 4)
        assert within_limits(clusters)
    assert {*ran} == {each.session.metadata.uid for each in clusters}


def test_a_session_that_is_started_again_keeps_its_place() -> None:
    clusters = several()
    rounds(clusters, 4)
    first, waiting = clusters[0], clusters[4]
    first.end(1)
    reconcile(clusters, first)
    reconcile(clusters, waiting)
    assert first.seen.pod is None or first.seen.pod.deleting
    assert waiting.session.status.phase is Phase.PENDING
    rounds(clusters, 4)
    assert first.session.status.phase is Phase.READY
