import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_runner.files.errors import OperationError
from moorage_runner.files.paths import ROOT, Parts, in_git, join, parse, parse_raw


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        (".", ()),
        ("./", ()),
        ("", ()),
        ("a", ("a",)),
        ("a//b/./c/", ("a", "b", "c")),
        ("...", ("...",)),
        ("%2e%2e/x", ("%2e%2e", "x")),
        ("a\\..\\b", ("a\\..\\b",)),
        (" ", (" ",)),
        ("\u2024\u2024/x", ("\u2024\u2024", "x")),
    ],
)
def test_splits_a_path_without_decoding_it(path: str, parts: tuple[str, ...]) -> None:
    assert parse(path) == parts


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/", "FORBIDDEN"),
        ("/etc/passwd", "FORBIDDEN"),
        ("//a", "FORBIDDEN"),
        ("..", "FORBIDDEN"),
        ("a/../b", "FORBIDDEN"),
        ("./..", "FORBIDDEN"),
        ("a\0b", "INVALID"),
        ("\ud800", "INVALID"),
        ("x" * 256, "INVALID"),
        ("\u00e4" * 128, "INVALID"),
    ],
)
def test_refuses_what_is_no_path_below_the_root(path: str, code: str) -> None:
    with pytest.raises(OperationError) as caught:
        parse(path)
    assert caught.value.code == code
    caught.value.message.encode()


@pytest.mark.parametrize("path", [".git", ".GIT/config", "a/.Git", "sub/.git/hooks/x", ".git "])
def test_knows_gits_own(path: str) -> None:
    assert in_git(parse(path))


@pytest.mark.parametrize("path", [".gitignore", ".github/x", "git", "a.git", ".gitmodules", "."])
def test_other_names_are_not_gits(path: str) -> None:
    assert not in_git(parse(path))


@given(st.text(st.characters() | st.sampled_from("./\0%\ud800"), max_size=40))
def test_no_text_gives_a_step_outwards(path: str) -> None:
    try:
        parts = parse(path)
    except OperationError:
        return
    assert not {"", ".", ".."} & set(parts)
    assert not any("/" in part or "\0" in part for part in parts)
    assert parse(join(parts)) == parts


@pytest.mark.parametrize("path", [b"../x", b"/x", b"a//b", b"", b"a/."])
def test_git_may_not_name_what_lies_outside(path: bytes) -> None:
    assert parse_raw(path) is None


def test_git_may_name_what_is_not_utf8() -> None:
    assert parse_raw(b"a/\xff") == Parts(("a", "\udcff"))


def test_the_root_is_shown_as_a_dot() -> None:
    assert join(ROOT) == "."
