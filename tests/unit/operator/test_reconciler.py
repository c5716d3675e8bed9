"""One pass: what is decided is done and told, what fails says when to look again."""

from datetime import timedelta

import pytest

from moorage_api.kube.errors import (
    KubernetesError,
    ObjectGoneError,
    RefusedError,
    UnavailableError,
    ViewOutdatedError,
)
from moorage_api.resources import ClaudeSession, Phase
from moorage_operator.act import Actor
from moorage_operator.disruption import DisruptionBudgets
from moorage_operator.observed import Observed
from moorage_operator.plan import PlannedEvent
from moorage_operator.reconciler import REFUSED_AGAIN, Look, Reconciler

from .api import MemoryAccess, MemoryApi
from .builders import NOW, UID, observed, running, session, starting_pod, status
from .test_build import POD


class Bench:
    """A reconciler with everything around it in memory; it sees what it is told to."""

    def __init__(self, made: ClaudeSession, seen: Observed) -> None:
        self.api = MemoryApi()
        self.api.put(made.model_dump(mode="json", by_alias=True, exclude_none=True))
        self.seen = seen
        self.told: list[PlannedEvent] = []
        self.doubted: list[str] = []
        actor = Actor(self.api, MemoryAccess(), DisruptionBudgets(self.api.create), POD)
        self.reconciler = Reconciler(self, actor, self, lambda: NOW)

    async def look(self, session_id: str) -> Look | None:
        found = self.api.get("ClaudeSession")
        return None if found is None else Look(ClaudeSession.model_validate(found), self.seen)

    def doubt(self, session_id: str) -> None:
        self.doubted.append(session_id)

    async def tell(self, session: ClaudeSession, events: tuple[PlannedEvent, ...]) -> None:
        self.told += events

    @property
    def phase(self) -> Phase:
        return ClaudeSession.model_validate(self.api.get("ClaudeSession")).status.phase


async def test_a_session_that_is_gone_needs_nothing() -> None:
    bench = Bench(session(), observed())
    bench.api.objects.clear()
    assert await bench.reconciler.reconcile(UID) is None
    assert not bench.api.writes


async def test_a_session_that_gets_ready_is_not_told_of() -> None:
    bench = Bench(session(status(Phase.STARTING, since=NOW)), running())
    assert await bench.reconciler.reconcile(UID) is not None
    assert bench.phase is Phase.READY
    assert not bench.told


async def test_a_failure_is_told_once() -> None:
    bench = Bench(session(status()), observed())
    wait = await bench.reconciler.reconcile(UID)
    assert wait is not None
    assert timedelta(milliseconds=500) <= wait <= timedelta(seconds=1)
    await bench.reconciler.reconcile(UID)
    assert [(each.kind, each.reason) for each in bench.told] == [("Normal", "PodDeleted")]


async def test_a_refusal_is_written_and_told_once() -> None:
    bench = Bench(session(), observed(secret=None))
    bench.api.fail["create Secret"] = RefusedError(403, "exceeded quota: secrets.")
    wait = await bench.reconciler.reconcile(UID)
    assert bench.phase is Phase.PENDING
    assert wait is not None
    assert timedelta(seconds=15) <= wait <= timedelta(seconds=30)
    await bench.reconciler.reconcile(UID)
    assert [(each.kind, each.reason) for each in bench.told] == [("Warning", "CreationRefused")]
    assert bench.api.writes == ["patch ClaudeSession status"]


@pytest.mark.parametrize(
    ("error", "doubted"),
    [
        (ViewOutdatedError(), [UID]),
        (ObjectGoneError(), [UID]),
        (UnavailableError(cause="TimeoutError"), [UID]),
        (UnavailableError(timedelta(seconds=5), "429", undone=True), []),
    ],
)
async def test_an_error_is_told_and_an_old_view_is_read_anew(
    error: KubernetesError, doubted: list[str]
) -> None:
    bench = Bench(session(), observed(pod=starting_pod()))
    bench.api.fail["patch ClaudeSession status"] = error
    with pytest.raises(type(error)):
        await bench.reconciler.reconcile(UID)
    assert bench.doubted == doubted
    assert not bench.told


async def test_where_everything_is_refused_it_waits() -> None:
    class Refusing(MemoryApi):
        def _note(self, write: str) -> None:
            raise RefusedError(403, "forbidden.")

    bench = Bench(session(), observed(pod=starting_pod()))
    api = Refusing()
    refusing = Actor(api, MemoryAccess(), DisruptionBudgets(api.create), POD)
    reconciler = Reconciler(bench, refusing, bench, lambda: NOW)
    assert await reconciler.reconcile(UID) == REFUSED_AGAIN
    assert not bench.told
