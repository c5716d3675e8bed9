"""Stands in the runner's container for a command that runs in the agent's: `shim PROGRAM ARG...`.

It hands its own standard streams and what it was told over the agent's socket and waits. SIGTERM is
passed on; that it is killed ends the command too. Of its environment only the variables that
MOORAGE_AGENT_FORWARD names (joined by commas), and Claude Code's own, leave the container.

Exits with the command's code, 128+n where signal n ended it, 126 where it was refused, and
UNAVAILABLE where there is no agent, or it went away.
"""

import _socket
import os
import select
import sys

from moorage_agent import protocol
from moorage_agent.wake import Wake

UNAVAILABLE = 69
REFUSED = 126
_SIGNALLED = 128
_CLAUDE = "CLAUDE_"


def main() -> None:
    """Run a command in the agent and end as it ends."""
    code, words = _run(sys.argv[1], sys.argv[2:])
    if words:
        try:  # noqa: SIM105 - contextlib is slow to import
            os.write(2, f"{words}\n".encode("utf-8", "replace"))
        except OSError:
            pass
    os._exit(code)  # nothing is left to clean up, which would take milliseconds


def _run(program: str, arguments: list[str]) -> tuple[int, str]:
    environment = os.environ
    wake = Wake()
    try:
        path = environment["MOORAGE_AGENT_SOCKET"]
        user = int(environment.get("MOORAGE_AGENT_UID") or protocol.AGENT_USER)
        connection = protocol.connect(path, user)
        folder = os.getcwd()  # noqa: PTH109 - so is pathlib
        request = protocol.Request(program, folder, arguments, _forwarded())
        try:  # noqa: SIM105 - contextlib is slow to import
            protocol.send_request(connection, request, (0, 1, 2))
        except ConnectionError:
            pass  # it was refused unread: what was said of that can still be received
    except (KeyError, ValueError, OSError, protocol.ProtocolError) as error:
        return UNAVAILABLE, f"There is no agent to run {program} ({type(error).__name__}: {error})."
    _let_go_of_streams()
    try:
        return _outcome(_wait(connection, wake))
    except (OSError, ValueError):
        return UNAVAILABLE, f"The agent went away while it ran {program}."


def _forwarded() -> dict[str, str]:
    names = set(os.environ.get("MOORAGE_AGENT_FORWARD", "").split(","))
    return {
        name: value
        for name, value in os.environ.items()
        if name in names or name.startswith(_CLAUDE)
    }


def _let_go_of_streams() -> None:
    """Else their other ends would not learn that the command closed them."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)


def _wait(connection: _socket.socket, wake: Wake) -> bytes:
    """Return the line that the agent ends with; anything but a whole one is none."""
    connection.setblocking(False)
    watched = [connection.fileno(), wake.fileno()]
    said = b""
    passed_on = False
    while True:
        if wake.told and not passed_on:
            connection.send(protocol.TERMINATE)
            passed_on = True
        readable, _, _ = select.select(watched, [], [])
        wake.clear()
        if connection.fileno() not in readable:
            continue
        chunk = connection.recv(protocol.MAX_REPLY)
        said += chunk
        if said.endswith(b"\n"):
            return said
        if not chunk or len(said) >= protocol.MAX_REPLY:
            return b""


def _outcome(line: bytes) -> tuple[int, str]:
    kind, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
    if kind == "refused":
        return REFUSED, f"The agent refused: {rest}"
    number = int(rest)
    if kind == "exited":
        return number & 0xFF, ""
    if kind == "signalled":
        return _SIGNALLED + (number & 0x7F), ""
    raise ValueError(kind)
