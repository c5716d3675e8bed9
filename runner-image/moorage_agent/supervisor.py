"""The agent container's first process: listens, lets the runner in, and reaps.

Each connection is given to a keeper, a process of its own that is the reaper of its command. So
what becomes this process's child and is no keeper has lost its keeper, and is killed. The runner's
attendance is a connection as well: while any is open, SIGTERM has to wait (the kubelet sends it to
both containers at once, and a turn may still end); when the runner leaves, all is ended.
"""

import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

from moorage_agent import keeper, processes, protocol
from moorage_agent.processes import complain
from moorage_agent.programs import Programs
from moorage_agent.wake import HANDLED, Wake

_CONNECTIONS = 16
_END_SECONDS = 5.0
_PAUSE = 0.05
_FIRST_PROCESS = 1


class Supervisor:
    """Runs until the runner has left, or until told to end while there is none."""

    def __init__(self, listener: socket.socket, runner: int, programs: Programs) -> None:
        self._listener = listener
        self._runner = runner
        self._programs = programs
        self._keepers: set[int] = set()
        self._strays = False
        self._left = False
        processes.adopt_orphans()
        self._wake = Wake()

    def run(self) -> None:
        """Serve until the end."""
        while not self._left and not (self._wake.told and not self._keepers):
            pause = _PAUSE if self._strays else None
            watched = [self._listener.fileno(), self._wake.fileno()]
            readable, _, _ = select.select(watched, [], [], pause)
            self._wake.clear()
            self._reap()
            if self._listener.fileno() in readable:
                self._accept()
        self._end()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        user = protocol.peer_user(connection)
        if user != self._runner:
            complain(f"the user {user} may not connect")
        elif len(self._keepers) >= _CONNECTIONS:
            complain(f"more than {_CONNECTIONS} commands at once")
        else:
            self._start_keeper(connection)
        connection.close()

    def _start_keeper(self, connection: socket.socket) -> None:
        own = os.getpid()
        try:
            self._keepers.add(processes.fork(lambda: self._keep(connection, own)))
        except OSError as error:
            keeper.refuse_for_want_of_room(connection, error)

    def _keep(self, connection: socket.socket, parent: int) -> int:
        processes.end_with(parent)
        self._listener.close()
        return keeper.keep(connection, self._programs)

    def _reap(self) -> None:
        """Collect what ended; kill what has no keeper any more."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._strays = False
                return
            if pid == 0:
                break
            if pid in self._keepers:
                self._keepers.remove(pid)
                self._heed(os.waitstatus_to_exitcode(status))
        strays = processes.descendants(os.getpid(), frozenset(self._keepers))
        self._strays = bool(strays)
        for pid in strays:
            processes.send(pid, signal.SIGKILL)

    def _heed(self, code: int) -> None:
        """Look at how a keeper ended."""
        if code == keeper.LEFT:
            self._left = True
        elif code == keeper.STUCK and os.getpid() == _FIRST_PROCESS:
            # Faster than it can be killed one by one: the kernel ends all processes here but us.
            processes.send(-1, signal.SIGKILL)

    def _end(self) -> None:
        """End all commands, with a moment for each to end by itself."""
        self._listener.close()
        for pid in self._keepers:
            processes.send(pid, signal.SIGTERM)
        deadline = time.monotonic() + _END_SECONDS
        while self._keepers and (left := deadline - time.monotonic()) > 0:
            select.select(
                [self._wake.fileno()], [], [], min(left, _PAUSE) if self._strays else left
            )
            self._wake.clear()
            self._reap()
        processes.end_descendants()


def listen(path: str) -> socket.socket:
    """Listen at `path` for the own user and group, in place of what an agent before left there.

    Raises:
        OSError: The folder is full, or not to be written.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    own = f"{path}.{os.getpid()}"
    before = os.umask(0o117)
    try:
        listener.bind(own)
    finally:
        os.umask(before)
    listener.listen(_CONNECTIONS)
    listener.setblocking(False)
    Path(own).rename(path)
    return listener


def main() -> None:
    """Run the agent: MOORAGE_AGENT_SOCKET, MOORAGE_RUNNER_UID, MOORAGE_AGENT_CLAUDE."""
    os.umask(0o002)  # what commands make, the runner, which is in the group, may change
    # Until there is a Wake, which lets them in: else one would end this and leave the socket.
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    environment = os.environ
    try:
        path = environment["MOORAGE_AGENT_SOCKET"]
        runner = int(environment.get("MOORAGE_RUNNER_UID") or protocol.RUNNER_USER)
        listener = listen(path)
    except (KeyError, ValueError, OSError) as error:
        complain(f"it cannot listen ({type(error).__name__}: {error})")
        sys.exit(1)
    complain(f"listens at {path} for the user {runner}")
    try:
        Supervisor(listener, runner, Programs(environment)).run()
    finally:
        Path(path).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
