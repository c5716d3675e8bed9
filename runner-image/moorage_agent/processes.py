"""Starting a command, and ending it with all that descends from it. Linux.

Who starts commands is made their reaper (PR_SET_CHILD_SUBREAPER): whatever a command starts, in
whichever session or group, stays below it and is found in /proc.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from moorage_agent.wake import HANDLED

_PDEATHSIG = 1
_SET_DUMPABLE = 4
_SET_CHILD_SUBREAPER = 36
_SWEEP_SECONDS = 5.0
_SWEEP_PAUSE = 0.01
NOT_RUN = 127
"""Exit code of a command that cannot be started, as shells have it."""


def adopt_orphans() -> None:
    """Become the reaper of all that descends from here, and closed to debuggers of the same user.

    A fork keeps the latter, a program that is started does not.
    """
    _process_control(_SET_CHILD_SUBREAPER, 1)
    _process_control(_SET_DUMPABLE, 0)


def end_with(parent: int) -> None:
    """Have the kernel kill this process when `parent`, which it was forked from, ends."""
    _process_control(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(NOT_RUN)


def fork(work: Callable[[], int]) -> int:
    """Start a process that does `work` and ends with its result; return its id.

    It has signals blocked until it makes a Wake or leads a session.

    Raises:
        OSError: There is no room for another process.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    child = None
    try:
        child = os.fork()
    finally:
        if child != 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    if child:
        return child
    code = NOT_RUN
    try:
        code = work()
    except BaseException as error:
        complain(f"a process failed ({type(error).__name__}: {error})")
    os._exit(code)


def lead_session() -> None:
    """Make this process a command: leader of a session, ends with its parent, hears all signals."""
    os.setsid()
    _process_control(_PDEATHSIG, signal.SIGKILL)
    for number in (*HANDLED, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)


def become(path: str, arguments: list[str], environment: dict[str, str], folder: str) -> int:
    """Turn this process into a program; return what it ends with if not."""
    try:
        os.chdir(folder)
        os.execvpe(path, [path, *arguments], environment)  # noqa: S606 - a list, no shell
    except (OSError, ValueError) as error:
        complain(f"{path} cannot be run in {folder}: {error}")
    return NOT_RUN


def send(pid: int, number: int) -> None:
    """Send a signal; that there is no such process any more is fine."""
    with suppress(OSError):
        os.kill(pid, number)


def end_descendants() -> bool:
    """Kill all that descends from here and wait for its end; False: some is left after 5 seconds.

    All at once, so that what forks as fast as it can is met as a whole, and again until none is
    left: each round's orphans are children of this process in the next.
    """
    deadline = time.monotonic() + _SWEEP_SECONDS
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return True
        for pid in descendants(os.getpid()):
            send(pid, signal.SIGKILL)
        time.sleep(_SWEEP_PAUSE)
    return False


def descendants(root: int, spared: frozenset[int] = frozenset()) -> list[int]:
    """Return the processes below `root`, without `spared` and what is below those."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    open_ends = [root]
    while open_ends:
        below = [pid for pid in children.get(open_ends.pop(), ()) if pid not in spared]
        found += below
        open_ends += below
    return found


def complain(text: str) -> None:
    """Write a line to standard error, where it can be written."""
    with suppress(OSError):
        os.write(2, f"moorage-agent: {text[:500]}\n".encode("utf-8", "replace"))


def _process_control(option: int, value: int) -> None:
    ctypes.pythonapi.prctl(option, value, 0, 0, 0)
