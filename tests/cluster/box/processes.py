"""Processes that outlive the program that started them, by id and time of start; and waiting."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from cluster.errors import ClusterError

_POLL: Final = 0.05
_START_TIME: Final = 19
"""Its place in /proc/PID/stat, counted from behind the program's name."""


def started(pid: int) -> str | None:
    """Return when a process started, in ticks since the machine did; None if there is none.

    An id is used again some day, but not with the same time.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[_START_TIME]


def children(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def send(pid: int, signal: int) -> None:
    """Send a signal to a process, which may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal)


def waited(seconds: float, done: Callable[[], bool]) -> bool:
    """Return whether ``done`` became true in time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True


def until(what: str, seconds: float, done: Callable[[], bool]) -> None:
    """Wait until ``done`` becomes true.

    Raises:
        ClusterError: if it takes longer than ``seconds``.
    """
    if not waited(seconds, done):
        raise ClusterError(f"not so within {seconds:.0f} s: {what}")
