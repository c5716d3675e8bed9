"""An operator for each module of tests, with settings that the module may add to."""

from collections.abc import Iterator

import pytest

from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.operating.sessions import Sessions
from moorage_testing.operating.stage import Stage, stage


@pytest.fixture(scope="module")
def more_settings() -> dict[str, str]:
    """Return further settings of the operator; a module overrides it."""
    return {}


@pytest.fixture(scope="module")
def operated(control_plane: ControlPlane, more_settings: dict[str, str]) -> Iterator[Stage]:
    """Return a stage on which one operator leads."""
    with stage(control_plane) as made:
        made.operator(more=more_settings).start()
        yield made


@pytest.fixture
def sessions(operated: Stage) -> Iterator[Sessions]:
    """Return the sessions of the stage's namespace; the test's own are deleted after it."""
    told = len(operated.logs())
    made = operated.sessions()
    yield made
    print(operated.said(), operated.logs()[told:])  # pytest shows it if the test failed
    made.delete_all()
    operated.crew.check()
    assert operated.record.doubles == []
