"""What must hold before anything is started; the first that does not is named in a sentence."""

import errno
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Final

from moorage_gateway.embedded.options import Options
from moorage_gateway.embedded.refusals import PortTaken, Unfit

HOST: Final = "127.0.0.1"
_PYTHON: Final = (3, 11)
_MEGABYTE: Final = 1024 * 1024
_LEAST_DISK: Final = 200 * _MEGABYTE
_PRIVATE: Final = 0o700


def prepare(options: Options) -> None:
    """Check the machine and make the folder.

    Raises:
        Unfit: if something is missing.
    """
    if sys.version_info < _PYTHON:
        have = ".".join(map(str, sys.version_info[:2]))
        raise Unfit(f"Python 3.11 or newer is needed, this is {have}.")
    if shutil.which("git") is None:
        raise Unfit("git was not found: install it (Debian: apt install git; macOS: xcode-select).")
    _make_home(options.home)
    free = shutil.disk_usage(options.home).free
    if free < _LEAST_DISK:
        raise Unfit(
            f"{options.home} has {free // _MEGABYTE} MB left, {_LEAST_DISK // _MEGABYTE} MB are "
            "needed: free some, or set MOORAGE_HOME to a folder on another disk."
        )


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        home.chmod(_PRIVATE)
        probe = home / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Unfit(
            f"{home} cannot be written ({error.strerror}): set MOORAGE_HOME to a folder that can."
        ) from None


def listen(port: int) -> socket.socket:
    """Return a socket that listens on the port, on this machine only.

    Raises:
        PortTaken: if somebody else does.
        Unfit: if that is not allowed.
    """
    try:
        return socket.create_server((HOST, port), backlog=1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} is taken by another program: choose one with MOORAGE_PORT, or 0 for "
                "any that is free."
            ) from None
        raise Unfit(f"Port {port} cannot be used: {error.strerror}.") from None
