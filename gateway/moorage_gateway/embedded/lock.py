"""One run at a time in one folder; a second one learns where the first is."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from moorage_gateway.embedded.refusals import RunsAlready

_PATIENCE: Final = 60.0
_PAUSE: Final = 0.05


class Lock:
    """The folder's lock. ``children`` is the one that guards hold on to."""

    def __init__(self, file: Path, children: int) -> None:
        self._file = file
        self.children = children

    def publish(self, url: str) -> None:
        """Note where this run can be reached."""
        self._file.write_text(url)


@contextmanager
def locked(home: Path, say: Callable[[str], None]) -> Iterator[Lock]:
    """Hold the folder's locks. Waits for what a killed run's guards are still ending.

    Raises:
        RunsAlready: if another run holds them.
    """
    file = home / "run.lock"
    own = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    children = os.open(home / "children.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _taken(own):
            where = file.read_text() or "it is just starting"
            raise RunsAlready(
                f"Moorage runs already in {home}: {where}. End it with Ctrl-C where it runs, or "
                "set MOORAGE_HOME and MOORAGE_PORT to run another."
            )
        _await_children(children, home, say)
        file.write_text("")
        yield Lock(file, children)
    finally:
        # Not unlocked by hand: a guard that still ends something keeps the children's lock.
        os.close(children)
        os.close(own)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _await_children(descriptor: int, home: Path, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _PATIENCE
    told = False
    while not _taken(descriptor):
        if not told:
            say("Waiting for the last of an earlier run to end")
            told = True
        if time.monotonic() > deadline:
            raise RunsAlready(
                f"Something of an earlier run in {home} did not end within {_PATIENCE:.0f} s: look "
                "for redis-server or moorage_runner with ps and end it."
            )
        time.sleep(_PAUSE)
