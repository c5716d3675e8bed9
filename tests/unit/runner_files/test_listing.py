import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.rpc import Listing
from moorage_runner.files import listing
from moorage_testing.files import Files


def page(files: Files, **fields: object) -> Listing:
    reply = files("list", **fields)
    assert isinstance(reply, Listing), reply
    return reply


def paths(files: Files, **fields: object) -> list[str]:
    return [entry.path for entry in page(files, **fields).files]


def every_page(files: Files, **fields: object) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        reply = page(files, after=after, **fields)
        found += [entry.path for entry in reply.files]
        after = reply.next_after
        if after is None:
            return found


@pytest.fixture
def tree(files: Files) -> Files:
    for path in ("a.py", "b/c.py", "b/d/e.txt", "b.txt", ".git/config", "sub/.git/x"):
        target = files.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("12345")
    (files.root / "link").symlink_to("b")
    return files


def test_lists_a_folder(tree: Files) -> None:
    reply = page(tree)
    assert [(entry.name, entry.type) for entry in reply.files] == [
        (".git", "directory"),
        ("a.py", "file"),
        ("b", "directory"),
        ("b.txt", "file"),
        ("link", "symlink"),
        ("sub", "directory"),
    ]
    assert reply.files[1].size == 5
    assert (reply.base_path, reply.next_after) == (".", None)


def test_paths_are_those_of_the_repository(tree: Files) -> None:
    assert paths(tree, path="./b/") == ["b/c.py", "b/d"]
    assert page(tree, path="./b/").base_path == "b"


def test_recursively_without_links_and_git(tree: Files) -> None:
    assert paths(tree, recursive=True) == [
        *(".git", "a.py", "b", "b/c.py", "b/d", "b/d/e.txt", "b.txt", "link", "sub", "sub/.git"),
    ]
    assert paths(tree, path=".git", recursive=True) == [".git/config"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.py", ["a.py", "b/c.py"]),
        ("b/*", ["b/c.py", "b/d", "b/d/e.txt"]),
        ("[ab].*", ["a.py", "b.txt"]),
        ("B*", []),
    ],
)
def test_a_pattern_fits_the_name_or_the_path(
    tree: Files, pattern: str, expected: list[str]
) -> None:
    assert paths(tree, recursive=True, pattern=pattern) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("recursive", [True, False])
def test_pages_make_up_the_whole(tree: Files, limit: int, recursive: bool) -> None:
    assert every_page(tree, limit=limit, recursive=recursive) == paths(tree, recursive=recursive)


def test_a_page_begins_behind_what_is_gone(tree: Files) -> None:
    assert paths(tree, recursive=True, after="b/cc/x")[:2] == ["b/d", "b/d/e.txt"]


def test_a_cursor_of_another_folder_is_refused(tree: Files) -> None:
    assert tree.code("list", path="b", after="a.py") == "INVALID"


def test_lists_only_folders(tree: Files) -> None:
    assert tree.code("list", path="a.py") == "NOT_FOUND"
    assert tree.code("list", path="nowhere") == "NOT_FOUND"
    assert tree.code("list", path="link") == "FORBIDDEN"


def test_leaves_out_what_no_client_could_name(files: Files) -> None:
    os.mkfifo(files.root / "fifo")
    (Path(os.fsdecode(os.fsencode(files.root) + b"/\xff"))).write_text("")
    assert paths(files) == []


def test_bears_moments_that_no_calendar_has(files: Files) -> None:
    for name, moment in (("early", -(10**10)), ("late", 10**10)):
        (files.root / name).write_text("")
        os.utime(files.root / name, (moment, moment))
    assert paths(files) == ["early", "late"]
    assert files("list").model_dump_json()


def test_a_large_folder_is_read_in_batches(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "BATCH", 7)
    names = sorted(f"f{number}" for number in range(100))
    for name in names:
        (files.root / name).touch()
    assert paths(files) == names
    assert every_page(files, limit=9) == names


def test_a_deep_tree_is_no_trouble(files: Files) -> None:
    deep = "/".join(["d"] * 480)
    (files.root / deep).mkdir(parents=True)
    assert len(paths(files, recursive=True)) == 480


NAMES = st.text(st.sampled_from("ab./-é\U0001f600"), min_size=1, max_size=3).filter(
    lambda name: "/" not in name and name not in {".", ".."}
)


@settings(max_examples=60, deadline=None)
@given(
    tree=st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=8),
    limit=st.integers(min_value=1, max_value=4),
)
def test_no_tree_loses_or_repeats_an_entry(
    tmp_path_factory: pytest.TempPathFactory, tree: list[list[str]], limit: int
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for parts in tree:
        root.joinpath(*parts).mkdir(parents=True, exist_ok=True)
    files = Files(root)
    whole = sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))
    assert sorted(every_page(files, recursive=True, limit=limit)) == whole
