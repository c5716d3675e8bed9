"""What a look takes for granted, and what it asks for first."""

from typing import Any

from moorage_api.kube.objects import Target
from moorage_operator.admission import Limits
from moorage_operator.gather import Gatherer
from moorage_operator.line import Line
from moorage_operator.observed import Live
from moorage_operator.store import Record, Store

from .builders import NOW, UID, live, session


class Asked:
    """An API server that has nothing but the session, and notes what it is asked for."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.kinds: list[str] = []
        self._body = body

    async def get(self, target: Target) -> dict[str, Any] | None:
        self.kinds.append(target.kind)
        return self._body if target.kind == "ClaudeSession" else None


class Signs:
    async def of(self, record: Record) -> Live | None:
        return live()


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
