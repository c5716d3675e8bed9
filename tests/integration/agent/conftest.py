from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moorage_testing.pod import AgentProcess, Image
from moorage_testing.pod_fixtures import image, shared  # noqa: F401 - fixtures

WriteClaude = Callable[[str], Path]


@pytest.fixture
def write_claude(shared: Path) -> WriteClaude:  # noqa: F811
    """Write a shell script that stands where Claude Code does: these tests are about the agent."""

    def write(script: str) -> Path:
        path = shared / "claude"
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def agent(image: Image, shared: Path) -> Iterator[AgentProcess]:  # noqa: F811
    """Return an agent that does not run yet."""
    made = AgentProcess(image, shared)
    yield made
    made.stop()
