"""An operator behind the faulty proxy, for each module."""

from collections.abc import Iterator

import pytest

from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.operating.stage import Stage, stage

from .moves import Moves

CHAOS = {"SWEEP": "1s", "RESYNC": "3s", "LEASE__IDENTITY": "the-only-one"}
"""One identity over all its lives, as a container that is restarted in its pod has."""


@pytest.fixture(scope="module")
def chaos(control_plane: ControlPlane) -> Iterator[Stage]:
    with stage(control_plane) as made:
        made.operator(more=CHAOS, proxied=True).start()
        yield made


@pytest.fixture
def moves(chaos: Stage) -> Iterator[Moves]:
    """Return sessions that move; afterwards all is true again and nothing is left."""
    told = len(chaos.logs())
    made = Moves(chaos)
    yield made
    print(chaos.logs()[told:])  # pytest shows it if the test failed
    chaos.proxy.heal()
    chaos.operators[0].revive()
    made.end()
    assert made.restarts == 0, "it may not end because of a fault that passes"
