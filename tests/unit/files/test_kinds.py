"""Which files are read and written: decided by the gateway, and by the runner again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_api.file_names import EXTENSIONS, NAMES, USUAL_FILES, FileKinds
from moorage_api.rpc import REQUEST, ReadFile
from moorage_gateway.errors import UnsupportedType
from moorage_gateway.files.paths import checked_file
from moorage_runner.files.errors import OperationError
from moorage_runner.files.paths import parse_file
from moorage_testing.files import Files

PARTS = st.sampled_from(
    ["a", "b.py", "Makefile", ".env", "x.exe", "a.", ".py", "README.txt", ".", "", "ä.TS", " "]
) | st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=6)
KINDS = st.sampled_from([USUAL_FILES, FileKinds(extensions=frozenset({"exe"}), names=frozenset())])


@given(st.lists(PARTS, min_size=1, max_size=4), KINDS)
def test_gateway_and_runner_allow_the_same(parts: list[str], kinds: FileKinds) -> None:
    path = "/".join(parts).lstrip("/") or "a"
    if ".." in path.split("/") or not any(part not in {"", "."} for part in path.split("/")):
        return
    asked = ReadFile(path=path, number="1", deadline_ms=0, kinds=kinds)
    sent = REQUEST.validate_json(REQUEST.dump_json(asked, by_alias=True))
    assert isinstance(sent, ReadFile)
    assert runner_allows(sent) == gateway_allows(path, kinds)


def gateway_allows(path: str, kinds: FileKinds) -> bool:
    try:
        checked_file(path, kinds, write=False)
    except UnsupportedType:
        return False
    return True


def runner_allows(request: ReadFile) -> bool:
    try:
        parse_file(request)
    except OperationError as error:
        return error.code != "UNSUPPORTED"
    return True


@pytest.mark.parametrize("op", ["read", "create", "update", "delete"])
def test_without_a_word_of_the_gateway_the_runner_allows_the_usual_files(
    files: Files, op: str
) -> None:
    fields = {"content": "new"} if op in {"create", "update"} else {}
    (files.root / "program.exe").write_text("old")
    assert files.code(op, path="program.exe", kinds=None, **fields) == "UNSUPPORTED"
    assert (files.root / "program.exe").read_text() == "old"
    assert files.code("create", path="program.py", kinds=None, content="") == "written"


def test_the_last_name_counts_not_what_stands_before(files: Files) -> None:
    (files.root / "a.py").mkdir()
    assert files.code("create", path="a.py/program", kinds=None, content="") == "UNSUPPORTED"
    assert files.code("create", path="a.py/program/.", kinds=None, content="") == "UNSUPPORTED"


def test_the_usual_files_are_what_an_empty_word_means() -> None:
    assert FileKinds() == USUAL_FILES == FileKinds(extensions=EXTENSIONS, names=NAMES)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)
