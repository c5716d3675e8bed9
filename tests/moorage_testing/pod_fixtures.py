"""Fixtures: what the agent's container has, and a folder that it may enter."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage_testing.pod import Image, agent_image


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """Return the agent's programs."""
    with agent_image() as made:
        yield made


@pytest.fixture
def shared() -> Iterator[Path]:
    """Return a folder that every user may enter, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="moorage-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
