from collections.abc import Iterator

import pytest

from moorage_scripted_model import RunningModel, running_model


@pytest.fixture(scope="module")
def model() -> Iterator[RunningModel]:
    with running_model() as running:
        yield running
