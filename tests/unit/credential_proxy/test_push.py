"""What a push asks for is read before any of it reaches a server, however it is cut or made up."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_gateway.credential_proxy.errors import BadRequest
from moorage_gateway.credential_proxy.git.push import Push, packet, read_push

OLD, NEW, NONE = "1" * 40, "2" * 40, "0" * 40
CAPABILITIES = "report-status side-band-64k agent=git/2.39"


def push(*refs: str, old: str = OLD, new: str = NEW, capabilities: str = CAPABILITIES) -> bytes:
    """Give a push of these refs."""
    lines = [f"{old} {new} {ref}".encode() for ref in refs]
    lines[0] += b"\0 " + capabilities.encode()
    return b"".join(packet(line + b"\n") for line in lines) + b"0000"


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def read(data: bytes, size: int = 7) -> tuple[Push, bytes]:
    return await read_push(pieces(data, size))


@pytest.mark.parametrize("size", [1, 3, 4, 50, 10_000])
async def test_where_it_is_cut_does_not_matter(size: int) -> None:
    head = push("refs/heads/claude/a", "refs/heads/claude/b")
    found, rest = await read(head + b"PACK...", size)
    assert [each.ref for each in found.commands] == [b"refs/heads/claude/a", b"refs/heads/claude/b"]
    assert b"report-status" in found.capabilities
    assert found.head == head
    assert b"PACK...".startswith(rest)
    assert found.refusals("claude/") == {}


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/main", "refs/heads/claude", "refs/heads/claude/", "refs/heads/Claude/x",
        "refs/tags/claude/x", "refs/claude/x", "HEAD", "claude/x", "refs/for/claude/x",
        "refs/heads/../heads/main", "refs/heads/claude/../main", "refs/heads/claude//x",
        "refs/heads/claude/x.lock", "refs/heads/claude/x/", "refs/heads/claude/.x",
        "refs/heads/claude/a~1", "refs/heads/claude/a^", "refs/heads/claude/a:b",
        "refs/heads/claude/a?", "refs/heads/claude/a*", "refs/heads/claude/a[b",
        "refs/heads/claude/a\\b", "refs/heads/claude/a@{1}", "refs/heads/claude/a.",
        "refs/heads/claude/a\x7f", "refs/heads/claude/a\t", "refs/remotes/origin/claude/x",
        "refs/heads/main/claude/x", "refs/pull/1/head", "refs/notes/claude/x",
    ],
)  # fmt: skip
async def test_only_branches_of_the_prefix_may_be_pushed(ref: str) -> None:
    found, _ = await read(push("refs/heads/claude/fine", ref))
    assert set(found.refusals("claude/")) == {b"refs/heads/claude/fine", ref.encode()}


@pytest.mark.parametrize("zeros", [NONE, "0" * 64])
async def test_nothing_may_be_deleted(zeros: str) -> None:
    old = OLD if len(zeros) == 40 else "1" * 64
    found, _ = await read(push("refs/heads/claude/x", old=old, new=zeros))
    assert found.refusals("claude/") == {b"refs/heads/claude/x": "nothing may be deleted"}


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"0000"[:3],
        b"PACK" * 100,
        b"0001",
        b"0003",
        b"zzzz",
        b"+0ff",
        b"00 4",
        b"0x1f" + b"x" * 40,
        packet(b"push-cert\0 report-status\n") + b"0000",
        packet(b"nonsense\n") + b"0000",
        packet(f"{OLD} {NEW}\n".encode()) + b"0000",
        packet(f"{OLD[:-1]} {NEW} refs/heads/claude/x\n".encode()) + b"0000",
        packet(f"{OLD} {NEW} refs/heads/claude/x y\n".encode()) + b"0000",
        packet(f"{OLD} {NEW} refs/heads/claude/x\n{OLD} {NEW} refs/heads/main".encode()) + b"0000",
        push("refs/heads/claude/x")[:-4] + packet(f"{OLD} {NEW} refs/a\0 x".encode()) + b"0000",
        push("refs/heads/claude/x")[:-4] + packet(f"shallow {OLD}".encode()) + b"0000",
        push(*(f"refs/heads/claude/{n}" for n in range(65))),
        b"fff0" + b"x" * 70_000,
    ],
)  # fmt: skip
async def test_what_is_no_push_as_git_makes_it_goes_nowhere(odd: bytes) -> None:
    with pytest.raises(BadRequest):
        await read(odd, 1000)


async def test_an_empty_one_is_git_asking_whether_it_may() -> None:
    found, rest = await read(b"0000")
    assert (found.commands, found.head, rest) == ((), b"0000", b"")
    assert found.refusals("claude/") == {}


async def test_a_shallow_clone_may_push() -> None:
    head = packet(f"shallow {OLD}".encode()) + push("refs/heads/claude/x")
    found, _ = await read(head)
    assert len(found.commands) == 1
    assert found.head == head


@given(st.binary(max_size=200), st.booleans())
async def test_nothing_gets_past_unread(noise: bytes, after: bool) -> None:
    """Whatever is read whole consists of commands that were looked at."""
    start = push("refs/heads/claude/x")[:-4]
    data = start + noise + b"0000" if after else noise + b"0000"
    try:
        found, _ = await read(data)
    except BadRequest:
        return
    if not found.refusals("claude/"):
        assert all(each.ref.startswith(b"refs/heads/claude/") for each in found.commands)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ("report-status", b"000eunpack ok\n002ang refs/heads/main nothing, because x\n0000"),
        ("", b""),
    ],
)
async def test_a_refusal_is_told_in_the_protocol(capabilities: str, expected: bytes) -> None:
    found, _ = await read(push("refs/heads/main", capabilities=capabilities))
    assert found.report({b"refs/heads/main": "nothing, because x"}) == expected


async def test_a_refusal_is_told_in_a_band_where_there_are_bands() -> None:
    found, _ = await read(push("refs/heads/main"))
    told = found.report({b"refs/heads/main": "x" * 2000})
    assert told.endswith(b"0000")
    at, plain = 0, b""
    while (size := int(told[at : at + 4], 16)) > 0:
        assert told[at + 4] == 1
        assert size <= 1000
        plain += told[at + 5 : at + size]
        at += size
    assert plain.startswith(b"000eunpack ok\n")
    assert b"x" * 2000 in plain
