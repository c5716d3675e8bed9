"""The processes of a control plane: guarded, so that none outlives the test run, however it ends.

Each runs behind the gateway's standalone guard (decision record 0007): when the pipe that only
this process holds closes, the guard ends the whole process group. A port is held by a socket that
is bound but never listens, so that nobody else gets it while its server is stopped.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from moorage_testing.controlplane.errors import NotReady, ProcessEnded

ROOT: Final = Path(__file__).parents[3]
_GUARD: Final = ROOT / "gateway" / "moorage_gateway" / "backends" / "local" / "guard.py"
_GRACE: Final = 15.0
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.1
# Writes the id of the process that it then becomes: the guard's own is another.
_NOTE_PID: Final = 'echo $$ > "$0" && exec "$@"'


class Port:
    """A free port on loopback, kept for servers that share it (SO_REUSEPORT)."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Give it back."""
        self._socket.close()


class Process:
    """A program that can be started, stopped, killed and started again with the same arguments."""

    def __init__(
        self,
        name: str,
        command: list[str],
        folder: Path,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._environment = environment
        self._pid_file = folder / f"{name}.pid"
        self._guard: subprocess.Popen[bytes] | None = None
        self._lifeline = -1

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def pid(self) -> int:
        """The program's own process id, for measurements and signals."""
        return int(self._pid_file.read_text())

    def start(self) -> None:
        """Start it, once more if it has ended; that it serves is to be waited for."""
        if not self.running:
            self._await_end()
        self._pid_file.unlink(missing_ok=True)
        reader, self._lifeline = os.pipe()
        guard = [sys.executable, "-I", "-S", str(_GUARD), str(reader), str(_GRACE)]
        try:
            with self.log.open("ab") as log:
                self._guard = subprocess.Popen(
                    [*guard, "/bin/sh", "-c", _NOTE_PID, str(self._pid_file), *self._command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **self._environment},
                    pass_fds=(reader,),
                )
        finally:
            os.close(reader)

    def require_running(self) -> None:
        """Raise ProcessEnded, with the last line of its log, if it has ended."""
        if self._guard is not None and (code := self._guard.poll()) is not None:
            raise ProcessEnded(self.name, code, self.log)

    def stop(self) -> None:
        """End it as an administrator would, by force after 15 s; return when it is gone."""
        if self._guard is not None:
            self._guard.terminate()
        self._await_end()

    def kill(self) -> None:
        """End it at once, as a power cut would; return when it is gone."""
        if self.running and self._pid_file.exists():
            os.kill(self.pid, signal.SIGKILL)
        elif self._guard is not None:
            self._guard.terminate()
        self._await_end()

    def signal(self, number: int) -> None:
        """Send the program a signal, and wait for nothing."""
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        """Wait until it has ended by itself; return its exit code, 128+n after signal n.

        Raises:
            NotReady: if it still runs after that time.
        """
        assert self._guard is not None
        try:
            code = self._guard.wait(seconds)
        except subprocess.TimeoutExpired:
            raise NotReady(f"the end of {self.name}", seconds, "it runs") from None
        self._await_end()
        return code

    def pause(self) -> None:
        """Stop its clock: it answers nothing and loses nothing until it is resumed."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _await_end(self) -> None:
        guard, self._guard = self._guard, None
        if guard is None:
            return
        os.close(self._lifeline)
        guard.wait(timeout=_GRACE + 10)


def until(what: str, seconds: float, attempt: Callable[[], str | None]) -> None:
    """Poll until ``attempt`` returns None; what it returns otherwise is the last answer.

    What is not there at once is looked for less often: to ask costs whom it waits for.

    Raises:
        NotReady: if that takes longer than ``seconds``.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while (answer := attempt()) is not None:
        if time.monotonic() >= deadline:
            raise NotReady(what, seconds, answer)
        time.sleep(pause)
        pause = min(1.5 * pause, _LONGEST_PAUSE)
