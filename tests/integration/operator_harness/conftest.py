"""What these tests share: the proxy, the crew and the record, with an operator's work by hand."""

from collections.abc import Iterator

import pytest

from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.operating.background import Background
from moorage_testing.operating.proxy import FaultyProxy


@pytest.fixture
def background() -> Iterator[Background]:
    with Background() as made:
        yield made


@pytest.fixture
def proxy(background: Background, control_plane: ControlPlane) -> FaultyProxy:
    made = FaultyProxy(background, control_plane.server)
    made.start()
    return made
