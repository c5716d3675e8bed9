"""Runs `moorage-gateway run` as its user does, in a folder of its own."""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 60.0
COMMAND = (sys.executable, "-m", "moorage_gateway", "run")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"HOME": str(home.parent), "MOORAGE_HOME": str(home), "MOORAGE_PORT": "0"} | more


def _as_from_a_shell() -> None:
    """Take signals, also where the tests themselves run under nohup, which has SIGHUP ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Run:
    """A run whose output is read as it comes."""

    def __init__(self, home: Path, *arguments: str, terminal: bool = False, **more: str) -> None:
        self.home = home
        self.output = ""
        self._ours, theirs = pty.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=theirs if terminal else subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            env=environment(home, **more),
            start_new_session=True,
            preexec_fn=_as_from_a_shell,  # noqa: PLW1509 - one system call
        )
        os.close(theirs)

    def until(self, text: str) -> str:
        """Read until ``text`` was printed; return all output so far."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.output:
            assert self._read(deadline), f"{text!r} never came:\n{self.output}"
        return self.output

    def finish(self) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(timeout=PATIENCE)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def _read(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        assert select.select([self._ours], [], [], max(0, left))[0], f"silent:\n{self.output}"
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # how a terminal tells that its other end is closed
            return False
        self.output += piece.decode(errors="replace")
        return bool(piece)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(timeout=PATIENCE)
        os.close(self._ours)


@contextmanager
def running(home: Path, *arguments: str, terminal: bool = False, **more: str) -> Iterator[Run]:
    run = Run(home, *arguments, terminal=terminal, **more)
    try:
        yield run
    finally:
        run.close()
        await_end(home)


def left_over(home: Path) -> list[int]:
    """Return what still runs for ``home``, by its folder, arguments or variables."""
    return [
        int(each.name)
        for each in Path("/proc").iterdir()
        if each.name.isdigit() and int(each.name) != os.getpid() and _tells_of(each, str(home))
    ]


def _tells_of(process: Path, home: str) -> bool:
    try:
        traces = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        return home in traces.decode(errors="replace") or home in str((process / "cwd").readlink())
    except OSError:
        return False


def await_end(home: Path) -> None:
    """Wait until nothing runs for ``home`` any more."""
    deadline = time.monotonic() + PATIENCE
    for pid in left_over(home):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ended = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))[0]
        os.close(descriptor)
        assert ended, f"{pid} still runs"
    assert left_over(home) == []
