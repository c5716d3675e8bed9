"""Nothing outside of the tree is read, listed, written or deleted, whatever the path says."""

import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_testing.files import Files

SECRET = "outside, untouched"
ATTEMPTS = 500


class Stage:
    """A tree full of ways out, and beside it a secret that nothing may reach."""

    def __init__(self, folder: Path) -> None:
        self.outside = folder / "outside"
        self.outside.mkdir()
        self.secret = self.outside / "secret"
        self.secret.write_text(SECRET)
        root = folder / "repo"
        (root / "dir").mkdir(parents=True)
        (root / "dir/file").write_text("inside")
        (root / "file").write_text("inside")
        (root / "to_secret").symlink_to(self.secret)
        (root / "to_outside").symlink_to(self.outside)
        (root / "dir/up").symlink_to("../..")
        (root / "self").symlink_to(".")
        (root / "loop").symlink_to("loop")
        self.files = Files(root)

    def assert_untouched(self) -> None:
        assert self.secret.read_text() == SECRET
        assert [path.name for path in self.outside.iterdir()] == ["secret"]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


WAYS_OUT = [
    "../outside/secret",
    "dir/../../outside/secret",
    "to_secret",
    "to_outside/secret",
    "to_outside/new",
    "dir/up/outside/secret",
    "self/to_outside/secret",
    "self/file",
    "loop",
    "loop/x",
    "/proc/self/root/etc/passwd",
    "file\0/../../outside/secret",
]


@pytest.mark.parametrize("path", WAYS_OUT)
def test_each_known_way_out_is_refused(stage: Stage, path: str) -> None:
    refused = {"FORBIDDEN", "INVALID"}
    assert stage.files.code("read", path=path) in refused
    assert stage.files.code("update", path=path, content="x") in refused
    if path not in {"to_secret", "loop"}:  # a link itself may be deleted
        assert stage.files.code("delete", path=path) in refused
        assert stage.files.code("create", path=path, content="x") in refused
    assert stage.files.code("list", path=path) in refused
    stage.assert_untouched()


PIECES = st.sampled_from(
    [
        *("..", ".", "", "/", "dir", "file", "up", "to_secret", "to_outside", "self", "loop"),
        *("outside", "secret", "repo", "\0", "%2e%2e", "..\\", "\uff0e\uff0e", "\u2025", "~"),
        *(".git", "proc", "x" * 256, "\ud800", "\u202e", "-"),
    ]
)
PATHS = (
    st.lists(PIECES | st.text(max_size=5), min_size=1, max_size=8).map("/".join)
    | st.text(min_size=1, max_size=30)
).filter(bool)


@settings(max_examples=250, deadline=None)
@given(
    path=PATHS,
    after=PATHS | st.none(),
    op=st.sampled_from(["list", "read", "create", "update", "delete"]),
    recursive=st.booleans(),
)
def test_no_path_whatsoever_reaches_outside(
    path: str, after: str | None, op: str, recursive: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        fields = {"path": path[:1000]}
        if op == "list":
            reply = stage.files(op, **fields, recursive=recursive, after=after)
        elif op in {"create", "update"}:
            reply = stage.files(op, **fields, content="from a client")
        else:
            reply = stage.files(op, **fields)
        assert SECRET not in repr(reply)
        assert reply.kind != "listing" or "secret" not in {entry.name for entry in reply.files}
        stage.assert_untouched()
        assert reply.model_dump_json()


_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_HERE = -100  # AT_FDCWD
_LIBRARY = ctypes.CDLL(None, use_errno=True)


def exchange(one: Path, other: Path) -> None:
    """Swap two names in one step: neither is ever missing."""
    if _LIBRARY.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


def swap_for_ever(place: Path, link: Path) -> None:
    """Swap the two, as fast as can be; a process of its own, so that it is truly parallel."""
    exchange(place, link)
    exchange(place, link)
    print("swapping", flush=True)
    while True:
        exchange(place, link)
        exchange(place, link)


@contextmanager
def swapping(place: Path, link_to: Path) -> Iterator[None]:
    """Swap what is at `place` for a link and back until the block ends."""
    link = place.with_name(place.name + ".link")
    link.symlink_to(link_to)
    command = [sys.executable, __file__, str(place), str(link)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "swapping\n"
            yield
            assert process.poll() is None
        finally:
            process.kill()


@pytest.mark.parametrize("op", ["read", "create", "update", "delete", "list"])
def test_no_swap_of_a_folder_for_a_link_reaches_outside(stage: Stage, op: str) -> None:
    fields = {"content": "from a client"} if op in {"create", "update"} else {}
    target = "dir" if op == "list" else "dir/secret"
    with swapping(stage.files.root / "dir", stage.outside):
        for _ in range(ATTEMPTS):
            reply = stage.files(op, path=target, **fields)
            assert SECRET not in repr(reply)
            if reply.kind == "listing":
                assert {entry.name for entry in reply.files} == {"file", "up"}
    stage.assert_untouched()


@pytest.mark.parametrize("op", ["read", "update"])
def test_no_swap_of_a_file_for_a_link_reaches_outside(stage: Stage, op: str) -> None:
    fields = {"content": "from a client"} if op == "update" else {}
    with swapping(stage.files.root / "dir/file", stage.secret):
        for _ in range(ATTEMPTS):
            assert SECRET not in repr(stage.files(op, path="dir/file", **fields))
    stage.assert_untouched()


if __name__ == "__main__":
    swap_for_ever(Path(sys.argv[1]), Path(sys.argv[2]))
