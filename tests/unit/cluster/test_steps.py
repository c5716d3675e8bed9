"""Programs that are run for the person who waits: also where the kernel cannot tie them to us."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from cluster.errors import CommandFailed
from cluster.steps import run

SAYS = (
    "import ctypes; n = ctypes.c_int(); ctypes.pythonapi.prctl(2, ctypes.byref(n)); print(n.value)"
)


@pytest.mark.parametrize("setpriv", [shutil.which("setpriv"), None])
def test_a_program_ends_with_us_where_setpriv_is_there(
    setpriv: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if setpriv:
        (tmp_path / "setpriv").symlink_to(setpriv)
    monkeypatch.setenv("PATH", str(tmp_path))
    environment = {**os.environ, "PATH": "/nowhere"}
    run("python", [sys.executable, "-c", SAYS], tmp_path / "log", environment=environment)
    assert (tmp_path / "log").read_text() == ("9\n" if setpriv else "0\n")


def test_its_last_words_are_told(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"python failed with code 3[^$]*never again"):
        run("python", [sys.executable, "-c", "print('never again'); exit(3)"], tmp_path / "log")


def test_it_reads_what_it_is_given_and_else_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(b"layers")
    cat = [sys.executable, "-c", "import sys; print(sys.stdin.read())"]
    run("python", cat, tmp_path / "given", given=archive)
    run("python", cat, tmp_path / "nothing")
    assert (tmp_path / "given").read_text() == "layers\n"
    assert (tmp_path / "nothing").read_text() == "\n"
