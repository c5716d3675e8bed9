"""The runner that the local backend keeps warm: when it is ready, and how to be without it.

There is no way to ask the gateway. So this looks, as ps would, for processes that print into the
log of a spare: as soon as one gets a session, the log moves to that session.
"""

import os
import signal
import time
from pathlib import Path

from performance.procfs import cpu_seconds

_RESTS_SECONDS = 0.6
_NOTICED_SECONDS = 1.2
"""The backend looks once a second whether its spare still runs."""
_LIMIT_SECONDS = 30.0
_PAUSE = 0.05


class SpareError(RuntimeError):
    """There is no warm runner when there should be one, or one that does not end."""


def wait_until_ready(home: Path) -> None:
    """Wait until a warm runner waits for a session and is done with its preparations."""
    end = time.monotonic() + _LIMIT_SECONDS
    rests_since = time.monotonic()
    used: dict[int, float] = {}
    while time.monotonic() < end:
        time.sleep(_PAUSE)
        now_used = _used(_spares(home))
        if not now_used or now_used != used:
            rests_since, used = time.monotonic(), now_used
        elif time.monotonic() - rests_since >= _RESTS_SECONDS:
            return
    raise SpareError("no warm runner became ready")


def do_without(home: Path) -> None:
    """End the warm runner, if there is one; the backend makes no other for a minute."""
    limit = time.monotonic() + _LIMIT_SECONDS
    while spares := _spares(home):
        for pid in spares:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > limit:
            raise SpareError("the warm runner does not end")
        time.sleep(_NOTICED_SECONDS)


def _used(pids: list[int]) -> dict[int, float]:
    used = {}
    for pid in pids:
        try:
            used[pid] = cpu_seconds(pid)
        except OSError:
            continue
    return used


def _spares(home: Path) -> list[int]:
    """Return the runners that wait, without the guard that stands before each."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            prints_to = (process / "fd" / "1").readlink()
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        guards = any(word.endswith(b"guard.py") for word in words)
        if prints_to.is_relative_to(home / "spares") and not guards:
            found.append(int(process.name))
    return found
