"""What kopf watches, and what is done with what it tells: into the store, then into the queue.

The handlers are `on.event` alone: kopf then writes nothing, neither a finalizer nor an annotation.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import kopf

from moorage_api.names import GROUP, LABEL_SESSION_UID, VERSION
from moorage_api.resources import ClaudeSession, ClaudeSessionTemplate

_IDLE_SECONDS: Final = 0.1
"""For how long kopf keeps a task for an object; thousands are listed at once."""

_EXIT_SECONDS: Final = 20.0
"""From when kopf begins to end until it kills the process; longer than the queue is drained.

After a fault kopf may wait for ever: it cancels its schedulers before the watchers that wait for
them (running.py, "hung tasks"). An operator that watches nothing is worse than a killed one.
"""

Feed = Callable[[str, str | None, dict[str, Any]], None]
"""Takes a kind, what happened (None: it is part of a list), and the object."""


class _NothingKept(kopf.DiffBaseStorage):  # type: ignore[misc,unused-ignore]
    """Keeps no last state of an object: it would copy each whole one for nothing."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> Any:
        return None

    def store(self, **_: Any) -> None:
        return None


def make_registry(feed: Feed, login: Callable[[], Any]) -> kopf.OperatorRegistry:
    """Return the handlers; kopf logs in with what ``login`` returns."""
    registry = kopf.OperatorRegistry()
    for kind, where in (
        ("ClaudeSession", (GROUP, VERSION, ClaudeSession.plural)),
        ("ClaudeSessionTemplate", (GROUP, VERSION, ClaudeSessionTemplate.plural)),
        ("Pod", ("", "v1", "pods")),
    ):
        kopf.on.event(*where, registry=registry)(_handler(kind, feed))

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> Any:
        return await login()

    return registry


def _handler(kind: str, feed: Feed) -> Callable[..., Any]:
    async def handle(event: kopf.RawEvent, **_: Any) -> None:
        feed(kind, event["type"], event["object"])  # type: ignore[arg-type,unused-ignore]

    handle.__name__ = f"{kind.lower()}_event"
    return handle


def make_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: it watches what it is told to, and does nothing else."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.persistence.diffbase_storage = _NothingKept()
    settings.queueing.idle_timeout = _IDLE_SECONDS
    settings.queueing.exit_timeout = 2.0
    settings.process.ultimate_exiting_timeout = _EXIT_SECONDS
    settings.watching.label_selectors["", "v1", "pods"] = LABEL_SESSION_UID
    settings.watching.chunk_size = 250
    return settings


async def watch(
    registry: kopf.OperatorRegistry, namespaces: Iterable[str], settings: kopf.OperatorSettings
) -> None:
    """Watch until cancelled, or until the process is told to end."""
    places = tuple(namespaces)
    await kopf.operator(
        registry=registry,
        settings=settings,
        clusterwide=not places,
        namespaces=places,
        standalone=True,
    )
