"""Addresses that mean the same compare equal; those that hide another are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_gateway.repositories.urls import BadAddress, canonical, fits, pattern


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/team/shop",
        "https://git.example.com/team/shop.git",
        "https://git.example.com/team/shop/",
        "HTTPS://GIT.example.com/team/shop.git/",
        "https://git.example.com:443/team/shop",
    ],
)
def test_one_repository_has_one_address(url: str) -> None:
    assert canonical(url) == "https://git.example.com/team/shop"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "https://git.example.com/My%20Team/_git/shop",
            "https://git.example.com/My%20Team/_git/shop",
        ),
        ("https://git.example.com/b%c3%a4r/shop.git", "https://git.example.com/b%C3%A4r/shop"),
    ],
)
def test_a_space_and_letters_beyond_ascii_may_be_escaped(url: str, address: str) -> None:
    assert canonical(url) == address == canonical(address)
    assert fits("https://git.example.com/**", canonical(url))
    assert not fits("https://git.example.com/team/**", canonical(url))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https://git.example.com",
        "https://git.example.com/",
        "https:///team/shop",
        "ssh://git.example.com/team/shop",
        "file:///etc",
        "ext::sh -c id",
        "git@git.example.com:team/shop",
        "--upload-pack=id",
        "https://git.example.com@evil.example/team/shop",
        "https://user:secret@git.example.com/team/shop",
        "https://git.example.com/team/../other/shop",
        "https://git.example.com/team/./shop",
        "https://git.example.com//shop",
        "https://git.example.com/team/%2e%2e/shop",
        "https://git.example.com/team%2fshop",
        "https://git.example.com/team%5cshop",
        "https://git.example.com/team%00/shop",
        "https://git.example.com/team%0a/shop",
        "https://git.example.com/team%2520/shop",
        "https://git.example.com/%74eam/shop",
        "https://git.example.com/te%am/shop",
        "https://git.example.com/team/shop%",
        "https://git.example.com/team/shop%2",
        "https://git.example.com/team/shop%%220",
        "https://git%20.example.com/team/shop",
        "https://git.example.com/team/shop?x=1",
        "https://git.example.com/team/shop#x",
        "https://git.example.com\\evil/team/shop",
        "https://git.example.com\t/team/shop",
        "https://git.exam ple.com/team/shop",
        "https://git.example.com/team/shop\n",
        "https://git.example.com:x/team/shop",
        "https://git.ex\u2100mple.com/team/shop",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        canonical(url)


@pytest.mark.parametrize(
    ("text", "url", "expected"),
    [
        ("https://git.example.com/team/*", "https://git.example.com/team/shop", True),
        ("https://git.example.com/team/*.git", "https://git.example.com/team/shop", True),
        ("https://git.example.com/team/*", "https://git.example.com/team/sub/shop", False),
        ("https://git.example.com/team/**", "https://git.example.com/team/sub/shop", True),
        ("https://git.example.com/team/*", "https://git.example.com/teams/shop", False),
        ("https://git.example.com/team/*", "http://git.example.com/team/shop", False),
        ("https://git.example.com/team/*", "https://git.example.com.evil/team/shop", False),
        ("https://git.example.com/team/*", "https://git.example.com:8443/team/shop", False),
        ("https://*.example.com/**", "https://git.example.com/a", True),
        ("https://*.example.com/**", "https://a.b.example.com/a", False),
        ("https://*.example.com/**", "https://evil.com/.example.com/a", False),
        ("https://**.example.com/**", "https://a.b.example.com/a", True),
        ("https://**.example.com/**", "https://evil.com/x.example.com/a", False),
        ("https://**.example.com/**", "https://evil.com:1/x.example.com/a", False),
        ("https://git.example.com/a+b/*", "https://git.example.com/aab/x", False),
        ("https://**/**", "https://any.example:8443/a/b", True),
        ("https://**/**", "http://any.example/a", False),
    ],
)
def test_what_a_pattern_stands_for(text: str, url: str, expected: bool) -> None:
    assert fits(text, canonical(url)) is expected


@pytest.mark.parametrize("text", ["", "*", "**", "https://*", "https://x/", "ftp://x/*", "x/*"])
def test_a_pattern_without_a_host_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        pattern(text)


PIECES = st.sampled_from(
    ["https://", "git.example.com", "evil.example", "@", "/", "//", "..", ".", "%2e", "%20", "%c3",
     "%", ":443", ":", "team", "shop", ".git", "\\", "?", "#", " ", "\n", "\u3002", "*"]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=3), max_size=9).map("".join))
def test_what_fits_a_hosts_pattern_is_on_that_host(url: str) -> None:
    try:
        address = canonical(url)
    except BadAddress:
        return
    assert canonical(address) == address
    assert ".." not in address.split("/")
    if fits("https://git.example.com/**", address):
        rest = url.partition("://")[2].lower()
        assert rest.startswith(("git.example.com/", "git.example.com:443/"))
