"""Fixtures of what a gateway stands on: a folder, a Redis that is empty, a clock to turn."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage_testing.accounts import Clock
from moorage_testing.redis import RedisServer, running_redis


@pytest.fixture
def home() -> Iterator[Path]:
    """Return a folder with a short name: a socket's path may have 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """Return a Redis of the test's own, to be stopped or killed if need be."""
    with running_redis() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands until the test turns it."""
    return Clock()
