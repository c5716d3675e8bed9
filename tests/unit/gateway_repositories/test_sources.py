"""Who may use what: a table; and what a git server says, read as the untrusted text it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_gateway.auth.principal import Principal
from moorage_gateway.errors import RequestInvalid
from moorage_gateway.repositories.branches import MOST, Branch, parse
from moorage_gateway.repositories.sources import Access, KnownRepository, Pattern, sources_for
from moorage_gateway.sessions.creation import build
from moorage_gateway.sessions.schemas import CreateSession

ADA = Principal("ada", "user", groups=frozenset({"shop"}))
BOB = Principal("bob", "user")
ADMIN = Principal("root", "admin")
URL = "https://git.example.com/team/shop"


@pytest.mark.parametrize(
    ("access", "who"),
    [
        (Access(), {ADMIN}),
        (Access(everybody=True), {ADA, BOB, ADMIN}),
        (Access(users=frozenset({"bob"})), {BOB, ADMIN}),
        (Access(groups=frozenset({"shop", "other"})), {ADA, ADMIN}),
        (Access(users=frozenset({"shop"}), groups=frozenset({"bob"})), {ADMIN}),
    ],
)
def test_who_may_use_it(access: Access, who: set[Principal]) -> None:
    known = KnownRepository("1", "shop", URL, access)
    for principal in (ADA, BOB, ADMIN):
        for listed, patterns in (([known], []), ([], [Pattern(f"{URL}*", access)])):
            sources = sources_for(principal, listed, patterns, local_paths=False)
            assert sources.allow(f"{URL}.git") is (principal in who)
            assert (sources.named("shop") is not None) is (bool(listed) and principal in who)


def built(principal: Principal, **fields: object) -> tuple[str, str | None, str | None]:
    known = KnownRepository(
        "1", "shop", URL, Access(users=frozenset({"ada"})), "stable", "shop-token"
    )
    sources = sources_for(principal, [known], [], local_paths=False)
    request = CreateSession.model_validate(fields)
    repository = build(
        request, "00000000-0000-4000-8000-000000000000", "ada", sources
    ).spec.repository
    assert repository is not None
    secret = repository.credentials_secret_ref
    return repository.url, repository.ref, secret.name if secret else None


def test_a_known_repository_brings_its_branch_and_credentials() -> None:
    assert built(ADA, folderName="shop") == (URL, "stable", "shop-token")
    assert built(ADA, projectPath=f"{URL}.git") == (f"{URL}.git", "stable", "shop-token")
    named = {"url": URL, "ref": "feature", "credentialsSecretRef": {"name": "shop-token"}}
    assert built(ADA, repository=named) == (URL, "feature", "shop-token")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"folderName": "other"}, "folderName"),
        ({"projectPath": "https://git.example.com/team/other"}, "projectPath"),
        ({"repository": {"url": "https://git.example.com/team/../team/shop"}}, "repository.url"),
        ({"projectPath": "/etc"}, "projectPath"),
        (
            {"repository": {"url": URL, "credentialsSecretRef": {"name": "anothers"}}},
            "repository.credentialsSecretRef",
        ),
    ],
)
def test_what_may_not_be_used_is_told_with_its_field(fields: dict[str, object], path: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        built(ADA, **fields)
    assert [mistake["path"] for mistake in caught.value.details] == [path]


def test_one_may_not_use_what_another_may() -> None:
    for fields in ({"folderName": "shop"}, {"projectPath": URL}):
        with pytest.raises(RequestInvalid):
            built(BOB, **fields)


def test_an_admin_may_name_credentials() -> None:
    named = {"url": URL, "credentialsSecretRef": {"name": "another"}}
    assert built(ADMIN, repository=named)[2] == "another"


ONE, TWO = "1" * 40, "2" * 40


def test_branches_are_read_by_name_with_the_default() -> None:
    said = (
        f"ref: refs/heads/main\tHEAD\n{ONE}\tHEAD\n{TWO}\trefs/heads/a/b\n{ONE}\trefs/heads/main\n"
    )
    found = parse(said.encode())
    assert list(found.branches) == [Branch("a/b", TWO), Branch("main", ONE)]
    assert (found.default, found.truncated) == ("main", False)


def test_too_many_branches_are_cut() -> None:
    said = "".join(f"{ONE}\trefs/heads/{number:05}\n" for number in range(MOST + 1))
    found = parse(said.encode())
    assert (len(found.branches), found.truncated) == (MOST, True)
    cut = parse(said.encode()[:100], cut=True)
    assert (len(cut.branches), cut.truncated) == (1, True)


@given(st.binary(max_size=300), st.booleans())
def test_nonsense_is_no_branch(output: bytes, cut: bool) -> None:
    for branch in parse(output, cut=cut).branches:
        assert len(branch.commit) in {40, 64}
        assert not any(sign.isspace() for sign in branch.name)
