"""Which paths and which kinds of file are taken."""

import pytest

from moorage_api.file_names import USUAL_FILES
from moorage_gateway.errors import Forbidden, GatewayError, RequestInvalid, UnsupportedType
from moorage_gateway.files.paths import checked_file, checked_path


@pytest.mark.parametrize(
    "name",
    [
        "a.py", "A.PY", "x.test.tsx", ".gitignore", ".dockerignore", "Dockerfile", "Makefile",
        "Dockerfile.dev", "Makefile.am", ".env.local", "README", "README.md", "a.tar.gz", "go.mod",
    ],
)  # fmt: skip
def test_usual_files_are_supported(name: str) -> None:
    assert USUAL_FILES.allow(name)


@pytest.mark.parametrize("name", ["a.exe", "a.dll", "a", ".py", "a.", "", ".", "Dockerfile2"])
def test_others_are_not(name: str) -> None:
    assert not USUAL_FILES.allow(name)


@pytest.mark.parametrize("path", [".", "a", "a/b.txt", "a/..b", "...", "x" * 1000, "ä/€", "./a"])
def test_paths_inside(path: str) -> None:
    assert checked_path(path) == path


@pytest.mark.parametrize(
    "path", ["", "..", "../a", "a/..", "a/../b", "/a", "//a", "a\0b", "x" * 1001]
)
def test_paths_that_cannot_be(path: str) -> None:
    with pytest.raises(RequestInvalid):
        checked_path(path)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (".git/config.ini", Forbidden),
        ("a/.GIT/x.txt", Forbidden),
        ("./.git/x.txt", Forbidden),
        (".", RequestInvalid),
        ("./", RequestInvalid),
        ("a.exe", UnsupportedType),
    ],
)
def test_files_that_are_not_written(path: str, kind: type[GatewayError]) -> None:
    with pytest.raises(kind):
        checked_file(path, USUAL_FILES, write=True)
