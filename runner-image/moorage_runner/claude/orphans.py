"""Ends a Claude Code that outlived its runner, with all it started.

A runner that is killed leaves its CLI behind (in a pod the whole container goes, on a laptop it
does not), and two of them must not work on one conversation. So the process is written down with
the moment it started: a pid alone may be another's by now.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_ENDED_SECONDS = 2.0


class CliRecord:
    """A file that names the CLI in use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, pid: int | None) -> None:
        """Write down a process."""
        started = _started(pid) if pid else None
        if started is None:
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(f"{pid} {started}")

    def clear(self) -> None:
        """Forget the process: it has ended."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def end_leftover(self) -> bool:
        """End the process that is written down, if it still runs; return whether it did."""
        try:
            pid_text, started = self._path.read_text().split()
            pid = int(pid_text)
        except (OSError, ValueError):
            return False
        self.clear()
        if _started(pid) != started:
            return False
        family = [pid, *_descendants(pid)]
        for member in family:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(member, signal.SIGKILL)
        _wait_until_ended(family)
        return True


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on (the third)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _started(pid: int) -> str | None:
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else None


def _descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else None
        if fields:
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _wait_until_ended(family: list[int]) -> None:
    deadline = time.monotonic() + _ENDED_SECONDS
    while any(_started(pid) for pid in family) and time.monotonic() < deadline:
        time.sleep(0.005)
