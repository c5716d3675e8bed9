"""What runner and agent say to each other over the agent's unix socket. Version 1.

One connection is one command; its end is the command's end.

1. The runner's side connects, checks that the listener is the agent's user (SO_PEERCRED), and sends
   a header of 8 bytes: MAGIC, whose last byte is the version, and the length of what follows as a
   big-endian number. With the header go, as ancillary data (SCM_RIGHTS), three descriptors: the
   command's standard input, output and error. Then the request itself: fields that are joined by
   NUL, which no argument and no variable can hold: program, folder to run in, number of arguments,
   arguments, and the rest variables as NAME=VALUE.
2. The agent checks that who connected is the runner's user, starts the command with the three
   descriptors as its own, and says nothing until it has ended. Then, once nothing that descends
   from it is left, it answers with one line: `exited CODE`, `signalled NUMBER`, or, where there
   was no command, `refused SENTENCE`, and closes.
3. Meanwhile the runner's side may send TERMINATE: SIGTERM now, SIGKILL to all that is left after a
   grace. Closing the connection, or anything else that is sent, kills all at once.

The program ATTEND is none: it has no descriptors, is answered with `ready`, and tells by staying
open that the runner is there. When it closes, the agent ends everything and itself.

What a command reads and writes never passes through here: it has the runner's pipes themselves. So
the kernel bounds what is in flight, a slow reader stops the writer, and nothing is added to an
event's way (decision record 0050). A request is at most MAX_REQUEST bytes and has SECONDS to come;
an answer is at most MAX_REPLY.
"""

import _socket  # `socket` would make enums of all constants at import: half the shim's start-up
import os
import sys
import time

MAGIC = b"MAG\x01"
MAX_REQUEST = 2 * 1024 * 1024
"""Bytes. Linux takes no more arguments and variables for one program either."""
MAX_REPLY = 512
SECONDS = 5.0
"""How long a connection may take to say what it wants, or to be accepted."""

ATTEND = "attend"
READY = b"ready\n"
TERMINATE = b"T"
AGENT_USER = 64102
RUNNER_USER = 64101
"""The users in a pod; MOORAGE_AGENT_UID and MOORAGE_RUNNER_UID name others."""

_HEADER = 8
_STREAMS = 3
_FIELDS = 3
_INT = 4
_LONG = 8


class ProtocolError(Exception):
    """The other side does not keep to the protocol, or is not who it should be."""


class Request:
    """A command: what to run, where, and with which variables beside the agent's own."""

    __slots__ = ("arguments", "directory", "environment", "program")

    def __init__(
        self, program: str, directory: str, arguments: list[str], environment: dict[str, str]
    ) -> None:
        self.program = program
        self.directory = directory
        self.arguments = arguments
        self.environment = environment


def encode(request: Request) -> bytes:
    """Return a request as it is sent, with its header.

    Raises:
        ProtocolError: It is too large.
    """
    variables = [f"{name}={value}" for name, value in request.environment.items()]
    count = str(len(request.arguments))
    fields = [request.program, request.directory, count, *request.arguments, *variables]
    body = b"\0".join(map(os.fsencode, fields))
    if len(body) > MAX_REQUEST:
        msg = f"the command has {len(body)} bytes of arguments and variables"
        raise ProtocolError(msg)
    return MAGIC + len(body).to_bytes(_INT, "big") + body


def decode(body: bytes) -> Request:
    """Return the request in what follows a header.

    Raises:
        ProtocolError: It is none.
    """
    fields = [os.fsdecode(field) for field in body.split(b"\0")]
    if len(fields) < _FIELDS or not fields[2].isdecimal() or len(fields[2]) > _HEADER:
        msg = "the request has no program, folder and number of arguments"
        raise ProtocolError(msg)
    end = _FIELDS + int(fields[2])
    variables = [field.partition("=") for field in fields[end:]]
    if end > len(fields) or not all(name and equals for name, equals, _ in variables):
        msg = "the request's arguments and variables are not whole"
        raise ProtocolError(msg)
    environment = {name: value for name, _, value in variables}
    return Request(fields[0], fields[1], fields[_FIELDS:end], environment)


def send_request(
    connection: _socket.socket, request: Request, streams: tuple[int, ...] = ()
) -> None:
    """Send a request with the command's standard streams.

    Raises:
        ProtocolError: It is too large.
        OSError: The other side is gone, or does not read.
    """
    data = encode(request)
    numbers = b"".join(number.to_bytes(_INT, sys.byteorder) for number in streams)
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)] if streams else []
    sent = connection.sendmsg([data[:_HEADER]], rights)
    connection.sendall(data[sent:])


def receive_request(connection: _socket.socket) -> tuple[Request, list[int]]:
    """Return a request and the descriptors that came with it: three, or none.

    Raises:
        ProtocolError: What comes is no request, or does not come in time.
        OSError: The other side is gone.
    """
    deadline = time.monotonic() + SECONDS
    streams: list[int] = []
    header = _receive(connection, _HEADER, deadline, streams)
    length = int.from_bytes(header[len(MAGIC) :], "big")
    if not header.startswith(MAGIC) or length > MAX_REQUEST:
        msg = "the header is not that of version 1"
        raise ProtocolError(msg)
    request = decode(_receive(connection, length, deadline, streams))
    if len(streams) != (0 if request.program == ATTEND else _STREAMS):
        msg = "the request has not the descriptors it needs"
        raise ProtocolError(msg)
    return request, streams


def _receive(connection: _socket.socket, length: int, deadline: float, streams: list[int]) -> bytes:
    """Return exactly `length` bytes; descriptors that come with them go to `streams`."""
    data = bytearray()
    while len(data) < length:
        left = deadline - time.monotonic()
        if left <= 0:
            msg = "the request did not come in time"
            raise ProtocolError(msg)
        connection.settimeout(left)
        most = min(length - len(data), 65536)
        space = _socket.CMSG_LEN(_STREAMS * _INT)
        try:
            chunk, ancillary, _, _ = connection.recvmsg(most, space, _socket.MSG_CMSG_CLOEXEC)
        except TimeoutError:
            continue
        for _, _, numbers in ancillary:
            whole = range(0, len(numbers) - len(numbers) % _INT, _INT)
            streams += [int.from_bytes(numbers[i : i + _INT], sys.byteorder) for i in whole]
        if not chunk:
            msg = "the connection closed before the request was whole"
            raise ProtocolError(msg)
        data += chunk
    return bytes(data)


def peer_user(connection: _socket.socket) -> int:
    """Return the user id of the process at the other end (of a listener: who listens)."""
    credentials = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 3 * _INT)
    return int.from_bytes(credentials[_INT : 2 * _INT], sys.byteorder)


def connect(path: str, user: int) -> _socket.socket:
    """Connect to the agent's socket at `path`, if it is `user` who listens there.

    Raises:
        ProtocolError: Someone else listens.
        OSError: Nobody listens, or nobody accepts in time.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    # Not by settimeout: a socket that does not block does not wait for its turn to be accepted.
    patience = int(SECONDS).to_bytes(_LONG, sys.byteorder) + bytes(_LONG)
    connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, patience)
    connection.connect(path)
    connection.settimeout(SECONDS)
    if (found := peer_user(connection)) != user:
        msg = f"the user {found} listens at {path}, not {user}"
        raise ProtocolError(msg)
    return connection
