"""Runs one command so that nothing of it outlives whoever started it (decision record 0007).

    python -I -S guard.py LIFELINE GRACE COMMAND [ARGUMENT...]

LIFELINE is the number of a file descriptor, the read end of a pipe whose write end the starter
alone holds; further numbers after commas are locks, held open until the command is gone. When it
closes (the starter ended, however), or on SIGTERM, the command gets SIGTERM and, GRACE seconds
later, its whole process group SIGKILL; SIGUSR1 ends the grace at once. However the command ends,
everything that descends from it is killed: on Linux also what put itself into a session of its own,
elsewhere the process group alone. Standard streams pass through. Exits with the command's code,
128+n where signal n ended it, 127 where it cannot be run.

It stands alone and imports little: it starts in front of every runner.
"""

# `signal` would make enums of these at import, a third of the guard's whole start-up.
import _signal as signal  # type: ignore[import-not-found,unused-ignore]
import os
import select
import sys
import time

if sys.platform == "linux":
    import ctypes

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_TELLING = (signal.SIGTERM, signal.SIGUSR1)
_HANDLED = (*_TELLING, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_NOT_RUN = 127
_SIGNALLED = 128
_SWEEP_LIMIT = 5.0
_SWEEP_PAUSE = 0.02


class Guard:
    """One command, from its start until nothing of it is left."""

    def __init__(self, lifeline: int, grace: float, command: list[str]) -> None:
        self._lifeline = lifeline
        self._grace = grace
        self._deadline: float | None = None
        self._told: set[int] = set()
        self._wake = _wake_on_signals(lambda number, _: self._told.add(number))
        self._child = _start(command)

    def run(self) -> int:
        """Wait for the end of the command, or bring it about; return its exit code."""
        code = self._reap()
        while code is None:
            self._wait()
            if self._told or self._lifeline < 0:
                self._stop()
            code = self._reap()
        _kill_group(self._child)
        _kill_descendants()
        return code

    def _stop(self) -> None:
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._grace
            _send(self._child, signal.SIGTERM)
        if now >= self._deadline or signal.SIGUSR1 in self._told:
            _kill_group(self._child)

    def _wait(self) -> None:
        watched = [self._wake]
        if self._lifeline >= 0:
            watched.append(self._lifeline)
        left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        ready, _, _ = select.select(watched, [], [], left)
        if self._wake in ready:
            os.read(self._wake, 4096)
        if self._lifeline in ready and not os.read(self._lifeline, 4096):
            os.close(self._lifeline)
            self._lifeline = -1

    def _reap(self) -> int | None:
        """Collect what ended, adopted orphans too; return the command's code once it did."""
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == self._child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else _SIGNALLED - code
            if pid == 0:
                return None


def _start(command: list[str]) -> int:
    _process_control(_PR_SET_CHILD_SUBREAPER, 1)
    guard = os.getpid()
    # Blocked across the fork: a SIGTERM in between waits until the child has the default for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        # Else a writer to the command's standard input would never learn that nobody reads it.
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
        return child
    try:
        os.setsid()
        _process_control(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (*_HANDLED, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        if os.getppid() == guard:
            os.execvp(command[0], command)  # noqa: S606 - an argument list, no shell
    except OSError as error:
        os.write(2, f"{command[0]} cannot be run: {error.strerror}\n".encode())
    os._exit(_NOT_RUN)


def _wake_on_signals(told: object) -> int:
    """Have signals end a wait; a terminal's Ctrl-C and hang-up are its starter's business."""
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in _HANDLED:
        signal.signal(number, told if number in _TELLING else lambda *_: None)
    return reader


def _process_control(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.pythonapi.prctl(option, value, 0, 0, 0)


def _send(pid: int, number: int) -> None:
    try:  # noqa: SIM105 - contextlib is slow to import
        os.kill(pid, number)
    except OSError:
        pass


def _kill_group(group: int) -> None:
    try:  # noqa: SIM105
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass


def _kill_descendants() -> None:
    """Kill every child; what they leave behind becomes a child and is killed in the next round."""
    end = time.monotonic() + _SWEEP_LIMIT
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        for pid in _children():
            _send(pid, signal.SIGKILL)
        time.sleep(_SWEEP_PAUSE)


def _children() -> list[int]:
    own = str(os.getpid())
    found = []
    for name in os.listdir("/proc") if sys.platform == "linux" else ():  # noqa: PTH208 - pathlib is slow to import
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:  # noqa: PTH123
                    parent = file.read().rpartition(")")[2].split()[1]
            except (OSError, IndexError):
                continue
            if parent == own:
                found.append(int(name))
    return found


def main(arguments: list[str]) -> int:
    """Guard the command in ``arguments``."""
    held = [int(number) for number in arguments[0].split(",")]
    for descriptor in held:
        os.set_inheritable(descriptor, False)
    try:  # noqa: SIM105
        os.setsid()
    except OSError:
        pass  # it leads a group already
    return Guard(held[0], float(arguments[1]), arguments[2:]).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
