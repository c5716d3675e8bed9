"""Ports of the box on the host's loopback, which slirp4netns listens on when it is asked to."""

import json
import socket
from pathlib import Path
from typing import Any, Final

from cluster.errors import ClusterError, PortTaken

_GUEST: Final = "10.0.2.100"
"""The box's address towards slirp4netns; network.sh leads what comes there to its loopback."""


def forward(control: Path, port: int) -> None:
    """Listen on 127.0.0.1:``port`` of the host for the same port on the box's loopback.

    Raises:
        PortTaken: if somebody else listens there.
    """
    if any(entry["host_port"] == port for entry in _ask(control, "list_hostfwd")["entries"]):
        return
    where: dict[str, str | int] = {"proto": "tcp", "host_addr": "127.0.0.1", "host_port": port}
    try:
        _ask(control, "add_hostfwd", **where, guest_addr=_GUEST, guest_port=port)
    except _Refused as refused:
        raise PortTaken(port) from refused


class _Refused(ClusterError):  # noqa: N818 - it says what is so
    """slirp4netns refused."""


def _ask(control: Path, execute: str, **arguments: str | int) -> Any:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(control))
        connection.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode())
        connection.shutdown(socket.SHUT_WR)
        answer = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
    if "error" in answer:
        raise _Refused(f"slirp4netns refused {execute}: {answer['error']}")
    return answer
