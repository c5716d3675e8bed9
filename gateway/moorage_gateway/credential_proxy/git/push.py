"""What a push asks for: its commands are read before any of it reaches a server."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from moorage_gateway.credential_proxy.errors import BadRequest

_HEAD: Final = 4
_MOST_COMMANDS: Final = 64
_LONGEST_HEAD: Final = 64 * 1024
_BAND: Final = 1
_ID: Final = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"
_COMMAND: Final = re.compile(rf"({_ID}) ({_ID}) ([^ \x00]+)(?:\x00(.*))?".encode())
_BAD_NAME: Final = re.compile(rb"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|[./]$")
_NOTHING: Final = b"0"


@dataclass(frozen=True, slots=True)
class Command:
    """One branch or tag that is to be another commit."""

    old: bytes
    new: bytes
    ref: bytes

    @property
    def deletes(self) -> bool:
        """Whether it is to be none."""
        return not self.new.strip(_NOTHING)


@dataclass(frozen=True, slots=True)
class Push:
    """All that stands before the objects of a push."""

    commands: tuple[Command, ...]
    capabilities: frozenset[bytes]
    head: bytes
    """The bytes that were read: they go on to the server as they came."""

    def refusals(self, prefix: str) -> dict[bytes, str]:
        """Return why each of its refs may not be pushed; empty: all of it may.

        One ref that may not refuses all, so that nothing is done by halves.
        """
        wrong = {each.ref: why for each in self.commands if (why := _wrong(each, prefix))}
        if b"push-options" in self.capabilities:
            wrong = {each.ref: "push options are not passed on" for each in self.commands}
        if not wrong:
            return {}
        return {each.ref: "another ref of the push is refused" for each in self.commands} | wrong

    def report(self, reasons: dict[bytes, str]) -> bytes:
        """Return the answer that tells git why nothing was done, in the protocol's own words."""
        lines = b"".join(
            packet(b"ng " + ref + b" " + why.encode() + b"\n") for ref, why in reasons.items()
        )
        status = packet(b"unpack ok\n") + lines + b"0000"
        if b"report-status" not in self.capabilities and b"report-status-v2" not in (
            self.capabilities
        ):
            return b""
        if b"side-band-64k" in self.capabilities or b"side-band" in self.capabilities:
            return _banded(status) + b"0000"
        return status


def packet(payload: bytes) -> bytes:
    """Return a line of git's protocol: its length in four hexadecimal digits first."""
    return f"{len(payload) + _HEAD:04x}".encode() + payload


async def read_push(chunks: AsyncIterator[bytes]) -> tuple[Push, bytes]:
    """Read what stands before the objects; return it, and what of them was read along.

    Raises:
        BadRequest: It is no push as git makes it.
    """
    buffer = b""
    async for chunk in chunks:
        buffer += chunk
        end = _end_of_head(buffer)
        if end is not None:
            return _parse(buffer[:end]), buffer[end:]
        if len(buffer) > _LONGEST_HEAD:
            break
    raise BadRequest("This is no push that can be read.")


def _end_of_head(buffer: bytes) -> int | None:
    """Return where the commands end; None: they have not ended yet."""
    at = 0
    while len(buffer) >= at + _HEAD:
        size = _size(buffer[at : at + _HEAD])
        if size == 0:
            return at + _HEAD
        at += size
    return None


def _size(digits: bytes) -> int:
    try:
        size = int(digits, 16) if re.fullmatch(rb"[0-9a-f]{4}", digits) else -1
    except ValueError:
        size = -1
    if size != 0 and size <= _HEAD:
        raise BadRequest("This is no push that can be read.")
    return size


def _parse(head: bytes) -> Push:
    commands, capabilities, at = list[Command](), frozenset[bytes](), 0
    while (size := _size(head[at : at + _HEAD])) != 0:
        line = head[at + _HEAD : at + size].removesuffix(b"\n")
        at += size
        if line.startswith(b"shallow ") and not commands:
            continue
        found = _COMMAND.fullmatch(line)
        if found is None or len(commands) == _MOST_COMMANDS:
            raise BadRequest("This is no push that can be read: signed ones are not passed on.")
        old, new, ref, told = found.groups()
        if told is not None and commands:
            raise BadRequest("This is no push that can be read.")
        capabilities = capabilities or frozenset((told or b"").split())
        commands.append(Command(old, new, ref))
    return Push(tuple(commands), capabilities, head)


def _wrong(command: Command, prefix: str) -> str:
    wanted = f"refs/heads/{prefix}".encode()
    if command.deletes:
        return "nothing may be deleted"
    if not command.ref.startswith(wanted) or command.ref == wanted:
        return f"only branches whose names begin with {prefix} may be pushed"
    return "this is no name for a branch" if _BAD_NAME.search(command.ref) else ""


def _banded(status: bytes) -> bytes:
    most = 900  # the narrower of both side bands takes 1000 bytes a line
    pieces = (status[at : at + most] for at in range(0, len(status), most))
    return b"".join(packet(bytes([_BAND]) + piece) for piece in pieces)
