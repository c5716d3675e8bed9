import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_api.names import MAX_NAME, slug

RFC_1123 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("session", "abc"), "session-abc"),
        (("a",), "a"),
        (("x9", "0"), "x9-0"),
    ],
)
def test_what_is_a_name_stays_as_it_is(parts: tuple[str, ...], expected: str) -> None:
    assert slug(*parts) == expected


@pytest.mark.parametrize(
    ("parts", "shape"),
    [
        (("My Repo",), r"my-repo-[0-9a-f]{8}"),
        (("9lives",), r"x-9lives-[0-9a-f]{8}"),
        (("",), r"x-[0-9a-f]{8}"),
        (("---",), r"x-[0-9a-f]{8}"),
        (("ünïcode",), r"n-code-[0-9a-f]{8}"),
        (("a" * 80,), r"a{54}-[0-9a-f]{8}"),
        (("a--b",), r"a-b-[0-9a-f]{8}"),
    ],
)
def test_what_had_to_be_changed_ends_in_a_digest(parts: tuple[str, ...], shape: str) -> None:
    assert re.fullmatch(shape, slug(*parts))


@given(st.lists(st.text(max_size=80), min_size=1, max_size=4), st.integers(10, MAX_NAME))
def test_every_name_is_a_label_within_its_limit(parts: list[str], limit: int) -> None:
    name = slug(*parts, limit=limit)
    assert RFC_1123.fullmatch(name)
    assert len(name) <= limit
    assert name == slug(*parts, limit=limit)


@given(st.text(max_size=80), st.text(max_size=80))
def test_different_parts_have_different_names(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


def test_a_limit_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 10"):
        slug("a", limit=9)
