"""Processes of a control plane: ended, paused, started again, and never left behind."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage_testing.controlplane.errors import NotReady, ProcessEnded
from moorage_testing.controlplane.processes import Port, Process, until

STARTER = """
import sys
from pathlib import Path
from moorage_testing.controlplane.processes import Process
Process("sleep", ["sleep", "60"], Path(sys.argv[1])).start()
sys.stdin.read()
"""


def state_of(pid: int) -> str:
    """Return the letter the kernel has for it; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def await_pid(folder: Path) -> int:
    """Return the id of the process that was started in ``folder``, once it runs."""
    note = folder / "sleep.pid"

    def pending() -> str | None:
        return None if note.exists() and note.read_text().endswith("\n") else "no id yet"

    until("a process started", 10, pending)
    return int(note.read_text())


@pytest.fixture
def sleep(tmp_path: Path) -> Iterator[Process]:
    process = Process("sleep", ["sleep", "60"], tmp_path)
    process.start()
    await_pid(tmp_path)
    yield process
    process.kill()


@pytest.mark.parametrize("end", [Process.kill, Process.stop])
def test_it_is_gone_when_it_was_ended(sleep: Process, end: object, tmp_path: Path) -> None:
    pid = sleep.pid
    assert callable(end)
    end(sleep)
    assert state_of(pid) == ""
    assert not sleep.running
    sleep.start()
    assert await_pid(tmp_path) != pid


def test_it_is_paused(sleep: Process) -> None:
    sleep.pause()
    until("paused", 10, lambda: None if state_of(sleep.pid) == "T" else state_of(sleep.pid))
    sleep.resume()
    until("resumed", 10, lambda: None if state_of(sleep.pid) != "T" else "still paused")


def test_it_does_not_outlive_who_started_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as starter:
        pid = await_pid(tmp_path)
        starter.send_signal(signal.SIGKILL)
        until("it gone too", 10, lambda: state_of(pid) or None)


def test_why_it_ended_is_told(tmp_path: Path) -> None:
    failing = Process("failing", ["sh", "-c", "echo 'no such flag' >&2; exit 3"], tmp_path)
    failing.start()

    def running() -> str | None:
        failing.require_running()
        return "it runs"

    with pytest.raises(ProcessEnded, match="failing ended with code 3: no such flag"):
        until("failing ready", 10, running)
    failing.kill()


def test_what_was_waited_for_in_vain_is_told() -> None:
    with pytest.raises(NotReady, match="tea ready: not within 0 s; last answer: cold"):
        until("tea ready", 0, lambda: "cold")


def test_a_port_is_kept_and_refuses_until_somebody_serves() -> None:
    one, other = Port(), Port()
    try:
        assert one.number != other.number
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", one.number), timeout=5)
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            server.bind(("127.0.0.1", one.number))
            server.listen()
            socket.create_connection(("127.0.0.1", one.number), timeout=5).close()
    finally:
        one.close()
        other.close()
