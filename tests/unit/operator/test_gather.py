"""What a look takes for granted, and what it asks for first."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from moorage_api.kube.objects import Target
from moorage_operator.admission import Limits
from moorage_operator.gather import Gatherer
from moorage_operator.line import Line
from moorage_operator.observed import Live
from moorage_operator.store import Record, Store

from .builders import MINUTE, NOW, UID, live, pod, session


class Asked:
    """An API server that has the session and one node, and notes what it is asked for."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.kinds: list[str] = []
        self._bodies = {
            "ClaudeSession": body,
            "Node": {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}},
        }

    async def get(self, target: Target) -> dict[str, Any] | None:
        self.kinds.append(target.kind)
        return self._bodies.get(target.kind)


class Signs:
    def __init__(self, heartbeat: datetime | None = None) -> None:
        self._heartbeat = heartbeat

    async def of(self, record: Record) -> Live | None:
        return live(heartbeat=self._heartbeat)


async def test_of_a_new_session_nothing_is_asked_until_a_write_failed() -> None:
    """Then what it was about may be there: an answer that got lost proves nothing."""
    body = session().model_dump(mode="json", by_alias=True, exclude_none=True)
    store, api = Store(), Asked(body)
    store.put("ClaudeSession", body)
    gatherer = Gatherer(store, api, Signs(), Line(Limits()), lambda: NOW)  # type: ignore[arg-type]
    assert await gatherer.look(UID) is not None
    assert api.kinds == []
    gatherer.doubt(UID)
    assert await gatherer.look(UID) is not None
    assert api.kinds == ["ClaudeSession", "Pod", "Secret", "PersistentVolumeClaim"]
    assert await gatherer.look(UID) is not None
    assert len(api.kinds) == 4


@pytest.mark.parametrize(("silent_for", "asked"), [(timedelta(seconds=30), 0), (2 * MINUTE, 1)])
async def test_of_a_silent_runner_its_node_is_asked_for(silent_for: timedelta, asked: int) -> None:
    """Before another is started it has to be known whether this one may still run somewhere."""
    body = session().model_dump(mode="json", by_alias=True, exclude_none=True)
    store, api = Store(), Asked(body)
    store.put("ClaudeSession", body)
    record = store.get(UID)
    assert record is not None
    record.pod, record.pod_known = pod(node_name="node-0"), True
    signs, line = Signs(NOW - silent_for), Line(Limits())
    gatherer = Gatherer(store, api, signs, line, lambda: NOW)  # type: ignore[arg-type]
    look = await gatherer.look(UID)
    assert look is not None
    assert look.observed.pod is not None
    assert api.kinds.count("Node") == asked
    assert look.observed.pod.node_ready == (not asked)
