"""What goes between the operator's own first list and the one that kopf's watch begins with."""

from collections.abc import Iterator

import pytest

from moorage_api.resources import Phase
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.operating.faults import Held, Which
from moorage_testing.operating.stage import Stage, stage

LIMIT = 40.0


@pytest.fixture
def seldom(control_plane: ControlPlane) -> Iterator[Stage]:
    """Return a stage whose operator lists again every ten minutes only."""
    with stage(control_plane) as made:
        made.operator(more={"RESYNC": "10m"}, proxied=True).start()
        yield made


def test_a_pod_that_goes_between_the_lists_is_missed(seldom: Stage) -> None:
    """No watch tells of it: it is in our list, and gone before the watch's."""
    sessions, (operator,) = seldom.sessions(), seldom.operators
    sessions.create()
    before = sessions.await_phase(Phase.READY)
    operator.kill()
    lists = Held(Which(methods=frozenset({"GET"}), part="/pods", every=2, times=1))
    seldom.proxy.add(lists)
    operator.start()
    assert lists.come.wait(LIMIT), "kopf's list has not come"
    sessions.delete_pod(before)
    sessions.await_gone(sessions.own("pods", before))
    lists.released.set()
    after = sessions.await_that(
        lambda each: (
            each.status.phase is Phase.READY and each.status.pod_uid != before.status.pod_uid
        ),
        what="has another pod",
    )
    assert sessions.pod(after) is not None
    sessions.delete_all()
