"""Ports for servers that cannot share a kept one (``controlplane.processes.Port``)."""

import random
import socket
from typing import Final

_RANGE: Final = range(15_000, 32_000)
"""Below what the kernel gives to outgoing connections, so that none takes it meanwhile."""


def free_port() -> int:
    """Return a port of loopback that nobody uses now and that the kernel gives to nobody."""
    while True:
        number = random.SystemRandom().choice(_RANGE)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number
