"""Who may connect, how long the agent lives, and what it does with what does not behave."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from moorage_agent import protocol
from moorage_agent.processes import descendants
from moorage_agent.protocol import ATTEND, MAGIC, READY, Request, encode
from moorage_testing.pod import AGENT_USER, GROUP, IS_ROOT, AgentProcess, Image

WriteClaude = Callable[[str], Path]
STRANGER = 12345
LOOP = "while :; do sleep 0.05; done"


def start(agent: AgentProcess, claude: Path | None = None) -> None:
    agent.start(claude)
    agent.wait_for(agent.socket.exists)


@contextmanager
def connected(agent: AgentProcess) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(agent.socket))
        connection.settimeout(30)
        yield connection


@contextmanager
def attending(agent: AgentProcess) -> Iterator[socket.socket]:
    with connected(agent) as connection:
        connection.sendall(encode(Request(ATTEND, "/", [], {})))
        assert connection.recv(100) == READY
        yield connection


# Who may connect


def test_another_user_than_the_runner_is_let_go(image: Image, shared: Path) -> None:
    agent = AgentProcess(image, shared, runner=STRANGER)
    start(agent)
    try:
        done = agent.ran("git", "--version")
    finally:
        agent.stop()
    assert (done.returncode, done.stdout) == (69, b"")
    assert b"agent" in done.stderr
    assert f"the user {os.geteuid()} may not connect" in agent.log


def test_the_shim_speaks_to_the_agents_user_only(agent: AgentProcess) -> None:
    with socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind(str(agent.socket))
        impostor.listen()
        done = agent.ran("git", "--version", variables={"MOORAGE_AGENT_UID": str(STRANGER)})
        assert done.returncode == 69
        assert f"the user {os.geteuid()} listens at" in done.stderr.decode()
        impostor.setblocking(False)
        with impostor.accept()[0] as connection:
            assert connection.recv(100) == b""  # it was told nothing


def test_the_shim_does_not_wait_for_ever_to_be_accepted(agent: AgentProcess) -> None:
    with ExitStack() as stack:
        busy = stack.enter_context(socket.socket(socket.AF_UNIX))
        busy.bind(str(agent.socket))
        busy.listen(0)
        stack.enter_context(connected(agent))
        done = agent.ran("git", "--version", variables={"MOORAGE_AGENT_UID": str(os.geteuid())})
    assert done.returncode == 69
    assert b"There is no agent to run git (BlockingIOError" in done.stderr


def test_the_socket_is_for_the_own_group_alone(agent: AgentProcess) -> None:
    start(agent)
    info = agent.socket.stat()
    assert (info.st_mode & 0o777, info.st_uid) == (0o660, AGENT_USER)


@pytest.mark.parametrize("left", ["socket", "file", "link"])
def test_what_an_agent_before_left_is_replaced(agent: AgentProcess, left: str) -> None:
    if left == "socket":
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(agent.socket))
    elif left == "file":
        agent.socket.write_text("")
    else:
        agent.socket.symlink_to("/nowhere")
    before = agent.socket.lstat().st_ino
    agent.start()
    agent.wait_for(lambda: agent.socket.lstat().st_ino != before)
    assert agent.ran("git", "--version").returncode == 0


def test_without_a_folder_to_listen_in_it_ends_and_says_so(agent: AgentProcess) -> None:
    agent.socket.parent.rmdir()
    agent.start()
    assert agent.wait() == 1
    assert "it cannot listen (FileNotFoundError" in agent.log


# How long it lives


def test_it_ends_when_told_to_while_there_is_no_runner(agent: AgentProcess) -> None:
    """Also at its first moment: as soon as anybody can see that it listens."""
    for _ in range(20):
        agent.start()
        while not agent.socket.exists():
            pass
        agent.terminate()
        assert agent.wait() == 0
        assert not agent.socket.exists()


def test_a_turn_may_end_after_the_kubelet_told_both_containers(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    start(agent, write_claude("read line; echo $line"))
    with attending(agent):
        with agent.shim("claude", stdin=subprocess.PIPE) as process:
            agent.terminate()
            done = agent.ran("git", "--version")
            assert done.returncode == 0
            out, _ = process.communicate(b"still there\n", timeout=30)
        assert out == b"still there\n"
    assert agent.wait() == 0


def test_when_the_runner_leaves_everything_ends(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    start(agent, write_claude(f"trap '' TERM; setsid sleep 1000 & echo up; {LOOP}"))
    with attending(agent):
        process = agent.shim("claude")
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        below = descendants(agent.pid)
    assert agent.wait() == 0
    with process:
        process.communicate(timeout=30)
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]


# What does not behave


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        MAGIC + (protocol.MAX_REQUEST + 1).to_bytes(4, "big"),
        MAGIC + (3).to_bytes(4, "big") + b"git",
        encode(Request("git", "/", ["--version"], {})),
        encode(Request("", "", [], {})),
    ],
)
def test_what_is_no_request_is_refused_and_the_agent_goes_on(
    agent: AgentProcess, sent: bytes
) -> None:
    start(agent)
    with connected(agent) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000).startswith(b"refused ")
    assert agent.ran("git", "--version").returncode == 0


def test_no_more_than_so_many_at_once(agent: AgentProcess) -> None:
    start(agent)
    with ExitStack() as stack:
        silent = [stack.enter_context(connected(agent)) for _ in range(20)]
        assert silent[-1].recv(100) == b""  # let go at once
        assert silent[0].recv(100) == b"refused the request did not come in time\n"
    agent.wait_for(lambda: agent.ran("git", "--version").returncode == 0)


def set_room(pid: int, processes: str) -> str:
    """Have the kernel refuse a process more than so many; return how many it allowed before.

    That is what happens at a pod's limit. The owner sets it: root may not where it lacks
    CAP_SYS_RESOURCE.
    """
    owner: dict[str, Any] = {"user": AGENT_USER, "group": GROUP} if IS_ROOT else {}

    def prlimit(*words: str) -> str:
        command = ["prlimit", f"--pid={pid}", *words]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **owner)
        return str(done.stdout).strip()

    before = prlimit("--nproc", "--output=SOFT", "--noheadings", "--raw")
    prlimit(f"--nproc={processes}:")
    return before


def test_without_room_for_a_process_a_command_is_refused_and_the_agent_goes_on(
    agent: AgentProcess,
) -> None:
    start(agent)
    with attending(agent):
        before = set_room(agent.pid, "1")
        for _ in range(3):
            done = agent.ran("git", "--version")
            assert (done.returncode, done.stdout) == (126, b"")
            assert done.stderr.startswith(b"The agent refused: too many processes")
        assert "a command was refused: too many processes" in agent.log
        set_room(agent.pid, before)
        assert agent.ran("git", "--version").returncode == 0
    assert agent.wait() == 0


def test_it_hears_signals_after_there_was_no_room(agent: AgentProcess) -> None:
    start(agent)
    set_room(agent.pid, "1")
    assert agent.ran("git", "--version").returncode == 126
    agent.terminate()
    assert agent.wait() == 0


def test_without_room_beside_its_keeper_a_command_is_refused(agent: AgentProcess) -> None:
    start(agent)
    with connected(agent) as connection:
        agent.wait_for(lambda: descendants(agent.pid))
        (keeper,) = descendants(agent.pid)
        set_room(keeper, "1")
        protocol.send_request(connection, Request("git", "/", ["--version"], {}), (0, 1, 2))
        assert connection.recv(1000).startswith(b"refused too many processes")
    assert agent.ran("git", "--version").returncode == 0


def test_a_command_that_kills_its_keeper_ends_and_leaves_nothing(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    start(agent, write_claude(f"setsid sleep 1000 & sleep 0.1; kill -9 $PPID; {LOOP}"))
    done = agent.ran("claude")
    assert done.returncode == 69
    agent.wait_for(lambda: descendants(agent.pid) == [])
    assert agent.ran("git", "--version").returncode == 0


def test_a_command_that_kills_the_supervisor_ends_it_all(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    """In a pod the kernel does not let it: the supervisor is the first process there."""
    start(agent, write_claude(f"read pid; kill -9 $pid; {LOOP}"))
    with attending(agent) as attendance:
        with agent.shim("claude", stdin=subprocess.PIPE) as process:
            process.communicate(f"{agent.pid}\n".encode(), timeout=30)
        assert process.returncode == 69
        assert attendance.recv(100) == b""
    assert agent.wait() == -signal.SIGKILL


def test_what_forks_as_fast_as_it_can_is_ended(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    bomb = "for n in $(seq 150); do setsid sleep 1000 & done; echo up; wait"
    start(agent, write_claude(f"(trap '' TERM; {bomb}) & {bomb}"))
    with agent.shim("claude") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        process.wait(30)
    agent.wait_for(lambda: descendants(agent.pid) == [])


def test_a_command_that_floods_a_reader_who_left_ends(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    start(agent, write_claude("exec cat /dev/zero"))
    with agent.shim("claude") as process:
        assert process.stdout is not None
        process.stdout.read(100)
        process.stdout.close()
        began = time.monotonic()
        process.wait(30)
    assert process.returncode == 128 + signal.SIGPIPE
    assert time.monotonic() - began < 20


def test_its_memory_is_closed_to_what_it_runs(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    """Both are the same user: only its not being dumpable keeps a debugger out."""
    script = "read pid; cat /proc/$pid/environ /proc/$PPID/environ; ls /proc/$pid/fd"
    start(agent, write_claude(script))
    with agent.shim("claude", stdin=subprocess.PIPE) as process:
        out, err = process.communicate(f"{agent.pid}\n".encode(), timeout=30)
    assert out == b""
    assert err.count(b"Permission denied") == 3
