"""The guard, against real processes: nothing of a command outlives its starter."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from moorage_gateway.backends.local import guard as guard_module

from .driver import PATIENCE, gone, present

GUARD = (sys.executable, "-I", "-S", str(Path(guard_module.__file__)))


@contextmanager
def guarded(*command: str, grace: float = 5.0) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command under a guard; yield the guard and the lifeline's end that we hold."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [*GUARD, str(reader), str(grace), *command],
        pass_fds=(reader,),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(reader)
    with process, os.fdopen(writer, "wb", closefd=True):
        try:
            yield process, writer
        finally:
            process.send_signal(signal.SIGUSR1)


def line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 0", 0),
        ("exit 7", 7),
        ("exit 75", 75),
        ("kill -9 $$", 137),
        ("kill -15 $$", 143),
    ],
)
def test_it_ends_with_the_commands_code(script: str, code: int) -> None:
    with guarded("sh", "-c", script) as (process, _):
        assert process.wait(PATIENCE) == code


def test_a_command_that_cannot_be_run_is_named() -> None:
    with guarded("/no/such/program") as (process, _):
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 127
        assert errors == b"/no/such/program cannot be run: No such file or directory\n"


def test_standard_streams_pass_through() -> None:
    with guarded("cat") as (process, _):
        out, _ = process.communicate(b"a line\n", timeout=PATIENCE)
        assert (out, process.returncode) == (b"a line\n", 0)


def test_the_command_inherits_nothing_else() -> None:
    with guarded("sh", "-c", "ls /proc/self/fd | wc -l") as (process, _):
        assert line(process) == "4"  # its three streams, and the folder that ls reads


def test_terminate_is_passed_on_and_has_its_grace() -> None:
    script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"
    with guarded("sh", "-c", script) as (process, _):
        assert line(process) == "up"
        process.terminate()
        assert line(process) == "bye"
        assert process.wait(PATIENCE) == 3


def test_what_ignores_it_is_killed_after_the_grace() -> None:
    script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    with guarded("sh", "-c", script, grace=0.2) as (process, _):
        assert line(process) == "up"
        process.terminate()
        assert process.wait(PATIENCE) == 137


def test_usr1_leaves_no_grace() -> None:
    script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    with guarded("sh", "-c", script, grace=600) as (process, _):
        assert line(process) == "up"
        process.terminate()
        process.send_signal(signal.SIGUSR1)
        assert process.wait(PATIENCE) == 137


def test_a_terminals_signals_are_its_starters_business() -> None:
    with guarded("sh", "-c", "echo up; read line; echo $line") as (process, _):
        assert line(process) == "up"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        assert process.stdin is not None
        process.stdin.write(b"still here\n")
        process.stdin.flush()
        assert line(process) == "still here"


def test_a_closed_lifeline_ends_it() -> None:
    with guarded("sh", "-c", "echo up; exec sleep 1000") as (process, lifeline):
        assert line(process) == "up"
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, lifeline)
        os.close(null)
        assert process.wait(PATIENCE) == 143


ORPHANS = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
code = (
    "import subprocess as s;"
    "print(s.Popen(['sleep', '1000'], start_new_session=True, stdout=s.DEVNULL).pid)"
)
middle = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
print(os.getpid(), child.pid, middle.stdout.strip(), flush=True)
"""


@pytest.mark.parametrize("ending", ["exits", "terminated", "killed"])
def test_what_went_into_sessions_of_its_own_is_killed_too(ending: str) -> None:
    script = ORPHANS + ("" if ending == "exits" else "time.sleep(1000)\n")
    with guarded(sys.executable, "-c", script) as (process, _):
        pids = [int(word) for word in line(process).split()]
        if ending == "terminated":
            process.terminate()
        elif ending == "killed":
            os.kill(pids[0], signal.SIGKILL)
        process.wait(PATIENCE)
        assert [pid for pid in pids if present(pid)] == []


STARTER = """
import os, subprocess, sys, time
reader, writer = os.pipe()
guard = subprocess.Popen([*sys.argv[1:], str(reader), "1", sys.executable, "-c", sys.stdin.read()],
    pass_fds=(reader,))
print(guard.pid, flush=True)
time.sleep(1000)
"""


def test_nothing_is_left_when_the_starter_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, *GUARD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as starter:
        assert starter.stdin is not None
        starter.stdin.write((ORPHANS + "time.sleep(1000)\n").encode())
        starter.stdin.close()
        pids = [int(word) for word in (line(starter) + " " + line(starter)).split()]
        assert len(pids) == 4
        starter.kill()
        for pid in pids:
            assert gone(pid)


def test_the_command_ends_with_a_guard_that_is_killed() -> None:
    with guarded("sh", "-c", "echo $$; exec sleep 1000") as (process, _):
        pid = int(line(process))
        process.kill()
        assert gone(pid)


def test_a_lock_is_held_until_the_command_is_gone(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    file = tmp_path / "lock"
    lock = os.open(file, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    script = "trap '' TERM; ls /proc/self/fd | wc -l; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [*GUARD, f"{reader},{lock}", "0.5", "sh", "-c", script],
        pass_fds=(reader, lock),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        assert line(process) == "4"  # the command itself does not hold it
        os.close(lock)
        os.close(reader)
        other = os.open(file, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(writer)
        assert process.wait(PATIENCE) == 137
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
