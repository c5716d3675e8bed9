"""What all tests share."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from moorage_api import collector

_FIXTURE: Final = "control_plane"
_ON_CONTROL_PLANE: Final = tuple(
    f"tests/integration/{place}"
    for place in (
        "chart/test_admission",
        "controlplane/",
        "gateway_kubernetes/",
        "gateway_replicas/",
        "operator/",
        "operator_chaos/",
        "operator_harness/",
    )
)
"""Where the tests are that ask for that fixture."""
_IN_TURN: Final = (
    _ON_CONTROL_PLANE,
    ("tests/e2e/test_nodes", "tests/e2e/test_upgrade"),  # each takes away what the other stands on
)


class _Scheduler(LoadFileScheduling):  # type: ignore[misc]
    """Gives each file of tests to one worker, and to the same one those that share what is dear.

    A control plane takes four seconds of a core to start, and costs more at rest than most tests.
    """

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """Take a worker's tests, and tell those of one name apart: all but one would not run.

        Such are schemathesis' tests of the operations of a description.
        """
        seen: Counter[str] = Counter()
        names = []
        for name in collection:
            seen[name] += 1
            names.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
        super().add_node_collection(node, names)

    def _split_scope(self, nodeid: str) -> str:
        """Return what is given to one worker together with this test."""
        for places in _IN_TURN:
            if nodeid.startswith(places):
                return places[0]
        file: str = super()._split_scope(nodeid)
        return file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Return who gives tests to workers by files, which is what the Makefile asks for."""
    return _Scheduler(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes one worker longest, and see that it is all there."""
    for item in items:
        asks = _FIXTURE in getattr(item, "fixturenames", ())
        if asks and not item.nodeid.startswith(_ON_CONTROL_PLANE):
            raise pytest.UsageError(
                f"{item.nodeid} asks for the control plane: say so in tests/conftest.py"
            )
    items.sort(key=lambda item: not item.nodeid.startswith(_ON_CONTROL_PLANE))


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what was imported and collected: it stays anyway."""
    collector.settle()
