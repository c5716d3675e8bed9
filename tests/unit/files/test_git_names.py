"""Gateway and runner refuse to write what git, on whatever file system, takes for its own."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from moorage_api.file_names import FileKinds, is_git
from moorage_api.rpc import DeleteFile, ReadFile, WriteFile
from moorage_gateway.errors import Forbidden, GatewayError, RequestInvalid
from moorage_gateway.files.paths import checked_file
from moorage_runner.files.errors import OperationError
from moorage_runner.files.paths import parse_file

IGNORED = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u206a\u206f\ufe0f\ufeff\U000e0041"
"""Some of the characters that a file system may take for nothing."""


class AllFiles(FileKinds):
    """Allows whatever name: these tests are about git's."""

    def allow(self, name: str) -> bool:
        return True


ALL = AllFiles()
NUMBERED: dict[str, Any] = {"number": "1", "deadline_ms": 0}


def gateways_verdict(path: str, *, write: bool = True) -> str:
    try:
        checked_file(path, ALL, write=write)
    except Forbidden:
        return "git"
    except RequestInvalid:
        return "invalid"
    except GatewayError as error:
        return error.code
    return "fine"


def runners_verdict(path: str) -> str:
    """What the runner says to each way of writing; they are to agree."""
    write = WriteFile.model_construct(**NUMBERED, op="update", path=path, content="", kinds=ALL)
    delete = DeleteFile.model_construct(**NUMBERED, path=path, kinds=ALL)
    verdicts = {_runners(write), _runners(delete)}
    assert len(verdicts) == 1
    return verdicts.pop()


def _runners(request: ReadFile | WriteFile | DeleteFile) -> str:
    try:
        parts = parse_file(request)
    except OperationError as error:
        git = error.code == "FORBIDDEN" and "belongs to git" in error.message
        return "git" if git else "invalid"
    return "fine" if parts else "invalid"


@st.composite
def gits_names(draw: st.DrawFn) -> str:
    """Return a spelling of git's folder."""
    name = draw(st.sampled_from([".git", "git~1"]))
    letters = [draw(st.sampled_from([letter, letter.upper()])) for letter in name]
    between = st.text(st.sampled_from(IGNORED), max_size=2)
    spelled = "".join(draw(between) + letter for letter in letters) + draw(between)
    end = draw(st.text(st.sampled_from(" ."), max_size=3))
    stream = draw(st.sampled_from(["", ":x", "::$INDEX_ALLOCATION", "\\hooks", ".\\config"]))
    return spelled + end + stream


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=10)
FOLDERS = st.lists(NAMES, max_size=2)


@given(before=FOLDERS, name=gits_names(), after=FOLDERS)
def test_every_spelling_at_every_depth_is_refused_by_both(
    before: list[str], name: str, after: list[str]
) -> None:
    path = "/".join([*before, name, *after]).lstrip("/")
    if ".." in path.split("/"):
        return
    assert gateways_verdict(path) == "git"
    assert runners_verdict(path) == "git"


@given(st.lists(NAMES | gits_names() | st.sampled_from(["..", ".", ""]), max_size=4))
@example(["a", "GIT~1", "config"])
def test_both_say_the_same_of_every_path(names: list[str]) -> None:
    path = "/".join(names)
    assert gateways_verdict(path) == runners_verdict(path)


@pytest.mark.parametrize(
    "name",
    [
        *(".gitignore", ".github", ".gitmodules", "git", "a.git", "git~", "git~10", "xgit~1"),
        *(".git-x", "..git", "g it", "\u0131git", ".g\u0131t", ". git", "...", ":.git"),
    ],
)
def test_other_names_are_not_gits(name: str) -> None:
    assert not is_git(name)


def test_what_is_gits_may_be_read() -> None:
    read = ReadFile.model_construct(**NUMBERED, path=".git/config", kinds=ALL)
    assert _runners(read) == "fine"
    assert gateways_verdict(".git/config", write=False) == "fine"


class Git:
    """Git itself, as careful as on Windows and macOS."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run("init", "-q")
        self._blob = self._run("hash-object", "-w", "--stdin").stdout.strip().decode()

    def takes(self, path: str) -> bool:
        """Return whether a repository may hold this path."""
        entry = f"100644,{self._blob},{path}".encode()
        return self._run("update-index", "--add", "--cacheinfo", entry).returncode == 0

    def _run(self, *arguments: str | bytes) -> "subprocess.CompletedProcess[bytes]":
        careful = ("-c", "core.protectNTFS=true", "-c", "core.protectHFS=true")
        return subprocess.run(
            ["git", *careful, *arguments],
            cwd=self._folder,
            input=b"",
            capture_output=True,
            check=False,
        )


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Git:
    return Git(tmp_path_factory.mktemp("git"))


@settings(max_examples=60, deadline=None)
@given(
    name=gits_names()
    | st.text(st.sampled_from(".git~1 GIT:\\\u200c\u206a"), min_size=1, max_size=8)
)
@example(".git")
@example("a.git")
def test_what_git_takes_for_its_own_is_refused(git: Git, name: str) -> None:
    path = f"a/{name}/b"
    if name != "." and not git.takes(path):
        assert gateways_verdict(path) != "fine"
        assert runners_verdict(path) != "fine"


def test_git_tells_the_two_apart(git: Git) -> None:
    """Or the test above could not fail."""
    assert git.takes("a/.gitx/b")
    assert not git.takes("a/.g\u200cit/b")
    assert not git.takes("a/git~1/b")
