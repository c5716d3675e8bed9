import pytest

from moorage_api.reasons import Reason
from moorage_api.resources.parts import Repository
from moorage_runner.clone.results import CloneError
from moorage_runner.clone.source import Ref, RefKind, locate, read_ref

SHA = "0123456789abcdef0123456789abcdef01234567"


def test_a_remote_repository_may_not_reach_local_ones() -> None:
    source = locate(Repository(url="https://git.example.com/a/b.git"))
    assert source.url == source.shown == "https://git.example.com/a/b.git"
    assert source.protocols == ("https", "http")


def test_a_local_path_stays_one_unless_a_depth_needs_a_server() -> None:
    assert locate(Repository(url="/src/a b")).url == "/src/a b"
    assert locate(Repository(url="/src/a b", depth=1)).url == "file:///src/a%20b"
    assert "file" in locate(Repository(url="file:///src/a")).protocols


def test_a_query_is_not_shown() -> None:
    source = locate(Repository(url="https://h.example.com/x?private_token=abc"))
    assert source.shown == "https://h.example.com/x"


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/x",
        "fd::17/foo",
        "-uupload-pack=touch",
        "--upload-pack=touch x",
        "ssh://git.example.com/x",
        "git@git.example.com:team/app.git",
        "git://git.example.com/x",
        "ftp://h.example.com/x",
        "relative/path",
        "~/x",
        "HTTPS://me:secret@h.example.com/x",
        "https:///x",
        "https://[broken/x",
        "/src/line\nbreak",
        "https://h/x\x00y",
    ],
)
def test_refuses_everything_else_and_shows_no_secret(url: str) -> None:
    with pytest.raises(CloneError) as caught:
        locate(Repository(url=url))
    assert caught.value.reason is Reason.SPEC_INVALID
    assert "secret" not in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        (None, Ref(RefKind.DEFAULT)),
        ("main", Ref(RefKind.NAMED, "main")),
        ("feature/x", Ref(RefKind.NAMED, "feature/x")),
        ("refs/heads/main", Ref(RefKind.NAMED, "main")),
        ("refs/tags/v1", Ref(RefKind.NAMED, "v1")),
        ("refs/pull/7/head", Ref(RefKind.PINNED, "refs/pull/7/head")),
        (SHA, Ref(RefKind.PINNED, SHA)),
        (SHA.upper(), Ref(RefKind.PINNED, SHA)),
        (SHA[:12], Ref(RefKind.NAMED, SHA[:12])),
    ],
)
def test_tells_how_a_ref_is_asked_for(ref: str | None, expected: Ref) -> None:
    assert read_ref(ref) == expected


@pytest.mark.parametrize(("ref", "maybe"), [("abc1", True), ("ABC1234", True), ("v1.0", False)])
def test_a_short_hexadecimal_name_may_be_a_commit(ref: str, maybe: bool) -> None:
    assert read_ref(ref).maybe_commit is maybe
