from pathlib import Path

import pytest

from moorage_testing.files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "repo").mkdir()
    return Files(tmp_path / "repo")
