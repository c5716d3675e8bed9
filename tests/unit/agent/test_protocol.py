"""The agent's protocol: what is sent is what arrives, and nothing else is taken for a request."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_agent import protocol
from moorage_agent.protocol import MAGIC, MAX_REQUEST, ProtocolError, Request

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NAMES = st.text(st.characters(exclude_characters="\0=", exclude_categories=["Cs"]), min_size=1)


@given(WORDS, WORDS, st.lists(WORDS), st.dictionaries(NAMES, WORDS))
def test_a_request_arrives_as_it_was(
    program: str, folder: str, arguments: list[str], environment: dict[str, str]
) -> None:
    sent = protocol.encode(Request(program, folder, arguments, environment))
    assert sent.startswith(MAGIC)
    got = protocol.decode(sent[8:])
    assert (got.program, got.directory) == (program, folder)
    assert (got.arguments, got.environment) == (arguments, environment)


@given(st.binary())
def test_what_is_no_request_is_refused_and_nothing_worse(body: bytes) -> None:
    with suppress(ProtocolError):
        protocol.decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"git",
        b"git\0/",
        b"git\0/\0x",
        b"git\0/\0-1",
        b"git\0/\x001\x00",
        b"git\0/\x002\0status",
        b"git\0/\x00999999999\0status",
        b"git\0/\x000\0no equals sign",
        b"git\0/\x000\0=no name",
        "git\0/\0\N{SUPERSCRIPT TWO}".encode(),
    ],
)
def test_half_a_request_is_none(body: bytes) -> None:
    if body == b"git\0/\x001\x00":
        assert protocol.decode(body).arguments == [""]
        return
    with pytest.raises(ProtocolError):
        protocol.decode(body)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"MAG\x02" + (4).to_bytes(4, "big") + b"git\0",
        MAGIC + (MAX_REQUEST + 1).to_bytes(4, "big"),
        MAGIC + (100).to_bytes(4, "big") + b"git\0/",
        MAGIC[:2],
        b"",
    ],
)
def test_what_comes_over_the_socket_is_bounded_and_checked(
    pair: tuple[socket.socket, socket.socket], sent: bytes
) -> None:
    ours, theirs = pair
    ours.sendall(sent)
    ours.close()
    with pytest.raises(ProtocolError):
        protocol.receive_request(theirs)


def test_a_command_comes_with_three_descriptors(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    protocol.send_request(ours, Request("git", "/", ["status"], {}), (0, 1))
    with pytest.raises(ProtocolError):
        protocol.receive_request(theirs)


def test_the_largest_request_arrives(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    with pytest.raises(ProtocolError):
        protocol.encode(Request("git", "/", ["x" * MAX_REQUEST], {}))
    request = Request(protocol.ATTEND, "/", ["x" * 60_000], {})
    protocol.send_request(ours, request)
    got, streams = protocol.receive_request(theirs)
    assert (got.arguments, streams) == (request.arguments, [])
