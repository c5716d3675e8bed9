import base64
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from moorage_api.rpc import MAX_FILE_BYTES, FileContent, Written
from moorage_testing.files import Files


def read(files: Files, path: str) -> FileContent:
    reply = files("read", path=path)
    assert isinstance(reply, FileContent)
    return reply


def test_what_was_created_is_read(files: Files) -> None:
    assert files("create", path="a/b/c.py", content="é\r\n") == Written(path="a/b/c.py", size=4)
    found = read(files, "./a//b/c.py")
    assert (found.content, found.encoding, found.size) == ("é\r\n", "utf-8", 4)
    assert (found.path, found.mime_type) == ("a/b/c.py", "text/x-python")


def test_bytes_go_both_ways(files: Files) -> None:
    data = bytes(range(256))
    content = base64.b64encode(data).decode()
    assert files.code("create", path="x.bin", content=content, encoding="base64") == "written"
    found = read(files, "x.bin")
    assert (files.root / "x.bin").read_bytes() == data
    assert (found.content, found.encoding) == (content, "base64")
    assert found.mime_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.ts", "text/x-typescript"),
        ("a.md", "text/markdown"),
        ("a.json", "application/json"),
        ("Makefile", "text/plain"),
        ("a.png", "image/png"),
        ("a.yml", "application/yaml"),
    ],
)
def test_guesses_the_type(files: Files, name: str, expected: str) -> None:
    (files.root / name).write_text("x")
    assert read(files, name).mime_type == expected


def test_create_replaces_nothing(files: Files) -> None:
    (files.root / "a").write_text("old")
    (files.root / "link").symlink_to("nowhere")
    (files.root / "folder").mkdir()
    for path in ("a", "link", "folder"):
        assert files.code("create", path=path, content="new") == "CONFLICT"
    assert (files.root / "a").read_text() == "old"


def test_update_needs_a_file(files: Files) -> None:
    assert files.code("update", path="a", content="") == "NOT_FOUND"
    assert files.code("update", path="b/a", content="") == "NOT_FOUND"
    assert files.code("update", path=".", content="") == "INVALID"
    assert list(files.root.iterdir()) == []


def test_update_keeps_the_mode_and_breaks_hard_links(files: Files, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("old")
    outside.chmod(0o750)
    (files.root / "a").hardlink_to(outside)
    assert files.code("update", path="a", content="new") == "written"
    assert stat.S_IMODE((files.root / "a").stat().st_mode) == 0o750
    assert outside.read_text() == "old"


def test_a_write_leaves_no_other_file(files: Files) -> None:
    files("create", path="a", content="1")
    files("update", path="a", content="2")
    files("create", path="a", content="3")
    assert [path.name for path in files.root.iterdir()] == ["a"]


@pytest.mark.parametrize("op", ["create", "update"])
def test_too_much_is_refused(files: Files, op: str) -> None:
    (files.root / "a").write_text("old")
    path = "new" if op == "create" else "a"
    assert files.code(op, path=path, content="x" * (MAX_FILE_BYTES + 1)) == "TOO_LARGE"
    assert files.code(op, path=path, content="é" * (MAX_FILE_BYTES // 2 + 1)) == "TOO_LARGE"
    assert files.code(op, path=path, content="A" * 20_000_000, encoding="base64") == "TOO_LARGE"
    assert [p.name for p in files.root.iterdir()] == ["a"]


def test_ten_megabytes_are_not_too_much(files: Files) -> None:
    content = "x" * MAX_FILE_BYTES
    assert files.code("create", path="a", content=content) == "written"
    assert read(files, "a").content == content
    with (files.root / "a").open("ab") as file:
        file.write(b"y")
    assert files.code("read", path="a") == "TOO_LARGE"


@pytest.mark.parametrize("content", ["?", "YQ", "YQ==\n=", "é"])
def test_broken_base64_is_refused(files: Files, content: str) -> None:
    assert files.code("create", path="a", content=content, encoding="base64") == "INVALID"


def test_a_lone_surrogate_is_no_text(files: Files) -> None:
    assert files.code("create", path="a", content="\ud800") == "INVALID"


def test_deletes_files_and_links_but_no_folders(files: Files, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("kept")
    (files.root / "a").write_text("x")
    (files.root / "link").symlink_to(tmp_path / "outside")
    (files.root / "empty").mkdir()
    assert files("delete", path="a") == Written(path="a")
    assert files.code("delete", path="link") == "written"
    assert files.code("delete", path="empty") == "INVALID"
    assert files.code("delete", path=".") == "INVALID"
    assert files.code("delete", path="a") == "NOT_FOUND"
    assert (tmp_path / "outside").read_text() == "kept"


@pytest.mark.parametrize("path", [".git/config", ".GIT/config", "sub/.git", ".git/hooks/new"])
def test_git_is_read_only(files: Files, path: str) -> None:
    target = files.root / path
    target.parent.mkdir(parents=True)
    target.write_text("old")
    assert files.code("read", path=path) == "content"
    for op in ("create", "update"):
        assert files.code(op, path=path, content="new") == "FORBIDDEN"
    assert files.code("delete", path=path) == "FORBIDDEN"
    assert target.read_text() == "old"


def test_what_is_no_regular_file_is_refused_at_once(files: Files) -> None:
    os.mkfifo(files.root / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(files.root / "socket"))
    for path in ("fifo", "socket"):
        assert files.code("read", path=path) == "FORBIDDEN"
        assert files.code("update", path=path, content="x") == "FORBIDDEN"
        assert files.code("delete", path=path) == "FORBIDDEN"


def test_before_the_clone_nothing_is_ready(files: Files) -> None:
    files.root.rmdir()
    for op in ("list", "read", "delete"):
        assert files.code(op, path="a") == "NOT_READY"


def test_a_path_through_a_file_is_not_found(files: Files) -> None:
    (files.root / "a").write_text("x")
    assert files.code("read", path="a/b") == "NOT_FOUND"
    assert files.code("create", path="a/b", content="") == "NOT_FOUND"


_LIMITED = """
import resource, sys
from pathlib import Path
from moorage_api.rpc import WriteFile
from moorage_runner.files.content import write_file
from moorage_runner.files.errors import OperationError
from moorage_runner.files.limit import Limit
from moorage_runner.files.tree import Tree
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
request = WriteFile(op="update", path="a.txt", content="x" * 5000, number="1", deadline_ms=0)
try:
    write_file(Tree(Path(sys.argv[1])), request, Limit(10))
except OperationError as error:
    print(error.code)
"""


def test_a_write_that_fails_half_way_changes_nothing(files: Files) -> None:
    """The kernel itself ends the write after 1000 bytes."""
    (files.root / "a.txt").write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(files.root)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "TOO_LARGE\n"
    assert [path.name for path in files.root.iterdir()] == ["a.txt"]
    assert (files.root / "a.txt").read_text() == "old"
