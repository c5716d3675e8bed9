from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from moorage_api.resources import SessionSpec
from moorage_runner.clone import Patience, Prepared, prepare
from moorage_runner.workspace import Workspace
from moorage_testing.git import GitRepository

ONCE = Patience(limit=0)
Prepare = Callable[..., Coroutine[Any, Any, Prepared]]


@pytest.fixture
def origin(tmp_path: Path) -> GitRepository:
    return GitRepository.create(tmp_path / "origin", {"a.txt": "one\n", "src/b.py": "print(1)\n"})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def clone(workspace: Workspace) -> Prepare:
    """Prepare the workspace with the repository described by keywords."""

    async def run(
        url: object,
        *,
        timeout: float = 20.0,  # noqa: ASYNC109
        patience: Patience = ONCE,
        **fields: Any,
    ) -> Prepared:
        extras = fields.pop("extras", [])
        spec = SessionSpec.model_validate(
            {"repository": {"url": str(url), **fields}, "additionalRepositories": extras}
        )
        return await prepare(spec, workspace, lambda _: None, timeout=timeout, patience=patience)

    return run
