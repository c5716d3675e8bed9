"""The top-level folders are source roots: none may shadow a module of the standard library."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCE_ROOTS = ("crds", "operator", "gateway", "runner-image", "tests")


@pytest.mark.parametrize("folder", SOURCE_ROOTS)
def test_a_source_root_is_no_package(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_the_standard_librarys_operator_still_imports() -> None:
    """Also where it matters most: in the checkout, with the folder `operator` first on the path."""
    code = (
        "import sys; sys.path.insert(0, '.'); sys.modules.pop('operator', None); "
        "import operator; print(operator.itemgetter(1)('ab'), operator.__file__)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    letter, origin = ended.stdout.split(maxsplit=1)
    assert letter == "b"
    assert not Path(origin.strip()).is_relative_to(ROOT / "operator")
