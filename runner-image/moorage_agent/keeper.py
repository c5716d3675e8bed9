"""One connection's command, from its request until nothing that descends from it is left."""

import os
import select
import signal
import socket
import time
from contextlib import suppress

from moorage_agent import processes, protocol
from moorage_agent.processes import complain
from moorage_agent.programs import Programs, RefusedError
from moorage_agent.wake import Wake

LEFT = 3
"""Exit code of the keeper of the runner's attendance: the runner has left."""
STUCK = 4
"""Exit code of a keeper that could not end all of its command."""

_GRACE = 4.0
"""Seconds from TERMINATE to SIGKILL: the SDK kills its process 5 seconds after a SIGTERM."""
_GRACE_ALONE = 0.0
"""The same when nobody waits for the end any more: at once. Told to end while it waits for a
person, Claude Code would write down that it was refused."""
_PAUSE = 0.05
"""Seconds at least from one look at a command that is to end to the next."""
_REPLY_SECONDS = 1.0


def keep(connection: socket.socket, programs: Programs) -> int:
    """Do what a connection asks for; return this process's exit code."""
    processes.adopt_orphans()
    wake = Wake()
    try:
        request, streams = protocol.receive_request(connection)
        if request.program == protocol.ATTEND:
            return _attend(connection, wake)
        programs.check(request)
    except (OSError, protocol.ProtocolError, RefusedError) as error:
        _reply(connection, f"refused {error}")
        return 0

    def become_the_command() -> int:
        processes.lead_session()
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        return programs.run(request)

    try:
        child = processes.fork(become_the_command)
    except OSError as error:
        refuse_for_want_of_room(connection, error)
        return 0
    for descriptor in streams:
        os.close(descriptor)
    return _Command(connection, wake, child).wait()


def _attend(connection: socket.socket, wake: Wake) -> int:
    connection.sendall(protocol.READY)
    while not wake.told:
        readable, _, _ = select.select([connection.fileno(), wake.fileno()], [], [])
        if connection.fileno() in readable:
            return LEFT
        wake.clear()
    return 0


class _Command:
    """A command that runs."""

    def __init__(self, connection: socket.socket, wake: Wake, child: int) -> None:
        self._connection = connection
        self._listening = True
        self._wake = wake
        self._child = child
        self._deadline: float | None = None

    def wait(self) -> int:
        """Wait for its end, or bring it about; tell of it and return this process's exit code."""
        connection = self._connection
        connection.setblocking(False)
        status = self._reap()
        while status is None:
            self._listen()
            if self._deadline is not None and time.monotonic() >= self._deadline:
                for target in (self._child, -self._child):  # it may not lead its group yet
                    processes.send(target, signal.SIGKILL)
            status = self._reap()
        ended = processes.end_descendants()
        code = os.waitstatus_to_exitcode(status)
        _reply(connection, f"exited {code}" if code >= 0 else f"signalled {-code}")
        return 0 if ended else STUCK

    def _listen(self) -> None:
        watched = [self._wake.fileno()]
        if self._listening:
            watched.append(self._connection.fileno())
        left = None if self._deadline is None else max(_PAUSE, self._deadline - time.monotonic())
        readable, _, _ = select.select(watched, [], [], left)
        self._wake.clear()
        if self._wake.told:
            self._stop(_GRACE_ALONE)
        if self._connection.fileno() in readable:
            self._hear()

    def _hear(self) -> None:
        try:
            data = self._connection.recv(1)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data == protocol.TERMINATE:
            self._stop(_GRACE)
        else:
            self._listening = False
            self._stop(_GRACE_ALONE)

    def _stop(self, grace: float) -> None:
        """Have it end within `grace` seconds; without any, SIGKILL comes next."""
        deadline = time.monotonic() + grace
        if self._deadline is None:
            self._deadline = deadline
            if grace:
                processes.send(self._child, signal.SIGTERM)
        self._deadline = min(self._deadline, deadline)

    def _reap(self) -> int | None:
        """Collect what ended, orphans too; return the command's status once it has one."""
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == self._child:
                return status
            if pid == 0:
                return None


def refuse_for_want_of_room(connection: socket.socket, error: OSError) -> None:
    """Answer that a command cannot have a process of its own, and write it down."""
    text = f"too many processes run here to start another ({error.strerror})"
    complain(f"a command was refused: {text}")
    _reply(connection, f"refused {text}")


def _reply(connection: socket.socket, text: str) -> None:
    line = " ".join(text.split()).encode("utf-8", "replace")[: protocol.MAX_REPLY - 1]
    with suppress(OSError):  # else nobody waits for it any more
        connection.settimeout(_REPLY_SECONDS)
        connection.sendall(line + b"\n")
