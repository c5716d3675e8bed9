"""Commands by way of shim and supervisor: what they get, how they end, what is left of them."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage_agent.processes import descendants
from moorage_testing.pod import AGENT_USER, AgentProcess

WriteClaude = Callable[[str], Path]
MEGABYTE = 1024 * 1024


def start(agent: AgentProcess, claude: Path | None = None, **variables: str) -> None:
    agent.start(claude, **variables)
    agent.wait_for(agent.socket.exists)


def keepers(agent: AgentProcess) -> list[int]:
    """The supervisor's own children."""
    children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def state(pid: int) -> str:
    """What the kernel says a process does: S, it sleeps."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def high_water(pid: int) -> int:
    """The most memory that a process had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def test_a_command_has_the_shims_streams_folder_and_code(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    script = 'cat; id -u >&2; pwd; umask; echo "$#:$1:$2"; exit 7'
    start(agent, write_claude(script))
    done = agent.ran("claude", "two words", "")
    assert done.returncode == 7
    folder = agent.folder / "workspace"
    assert done.stdout.decode().splitlines() == [str(folder), "0002", "2:two words:"]
    assert done.stderr.decode() == f"{AGENT_USER}\n"


def test_input_reaches_it_and_its_end_too(agent: AgentProcess, write_claude: WriteClaude) -> None:
    start(agent, write_claude("cat; echo end"))
    with agent.shim("claude", stdin=subprocess.PIPE) as process:
        out, _ = process.communicate(b"over the wire\n", timeout=30)
    assert out == b"over the wire\nend\n"


def test_only_named_variables_leave_the_runner(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    start(agent, write_claude("env"), OWN="of the agent")
    variables = {
        "TOLD": "1",
        "MOORAGE_REDIS_URL": "secret",
        "PASSWORD": "secret",
        "CLAUDE_CODE_X": "2",
        "MOORAGE_AGENT_FORWARD": "TOLD,NOT_SET",
    }
    seen = agent.ran("claude", variables=variables).stdout.decode().splitlines()
    assert {"TOLD=1", "CLAUDE_CODE_X=2", "OWN=of the agent"} <= set(seen)
    assert not [line for line in seen if "secret" in line or line.startswith("MOORAGE_")]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_signal_that_ends_it_is_told(
    agent: AgentProcess, write_claude: WriteClaude, number: signal.Signals
) -> None:
    start(agent, write_claude(f"kill -{int(number)} $$"))
    assert agent.ran("claude").returncode == 128 + number


def test_another_program_is_refused(agent: AgentProcess) -> None:
    start(agent)
    done = agent.ran("sh", "-c", "id")
    assert (done.returncode, done.stdout) == (126, b"")
    assert done.stderr.startswith(b"The agent refused: 'sh' is not run here")


def test_a_program_that_is_missing_is_told(agent: AgentProcess) -> None:
    start(agent, Path("/nowhere/claude"))
    done = agent.ran("claude")
    assert done.returncode == 127
    assert b"/nowhere/claude cannot be run" in done.stderr


def test_git_has_its_own_configuration(agent: AgentProcess) -> None:
    start(agent)
    words = ("git", "config", "--global", "--get", "credential.helper")
    variables = {"GIT_CONFIG_GLOBAL": "/dev/null", "MOORAGE_AGENT_FORWARD": "GIT_CONFIG_GLOBAL"}
    done = agent.ran(*words, variables=variables)
    assert (done.returncode, done.stdout) == (0, b"\n")


def test_terminate_lets_it_end_by_itself(agent: AgentProcess, write_claude: WriteClaude) -> None:
    start(
        agent, write_claude("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done")
    )
    with agent.shim("claude") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.terminate()
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (3, b"bye\n")


def test_what_does_not_end_is_killed_after_the_grace(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    start(agent, write_claude("trap '' TERM; echo up; while :; do sleep 0.05; done"))
    with agent.shim("claude") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGKILL
    agent.wait_for(lambda: descendants(agent.pid) == [])  # its keeper answers, then ends


DETACHED = "setsid sleep 1000 & (setsid sh -c 'setsid sleep 1000 & sleep 1000' &) ; sleep 0.2"


@pytest.mark.parametrize("ending", ["exit", "kill"])
def test_nothing_of_a_command_outlives_it(
    agent: AgentProcess, write_claude: WriteClaude, ending: str
) -> None:
    """Not what left its session, nor what lost its parents; however the command ends."""
    start(agent, write_claude(f"{DETACHED}; echo up; read"))
    with agent.shim("claude", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert len(agent.running("sleep")) == 3
        if ending == "kill":
            process.kill()
        else:
            process.stdin.close()
        process.wait(30)
    agent.wait_for(lambda: descendants(agent.pid) == [])


def test_a_slow_reader_stops_the_writer_and_nobody_buffers(
    agent: AgentProcess, write_claude: WriteClaude
) -> None:
    size = 200 * MEGABYTE
    start(agent, write_claude(f"exec head -c {size} /dev/zero"))
    with agent.shim("claude") as process:
        assert process.stdout is not None
        got = len(process.stdout.read(MEGABYTE))
        agent.wait_for(lambda: agent.running("head"))
        (writer,) = agent.running("head")
        agent.wait_for(lambda: state(writer) == "S")
        written = Path(f"/proc/{writer}/io").read_text().splitlines()[1]
        assert int(written.split()[1]) < 2 * MEGABYTE
        watched = [process.pid, agent.pid, *keepers(agent)]
        while got < size - MEGABYTE:
            got += len(process.stdout.read(MEGABYTE))
        most = max(high_water(pid) for pid in watched)
        got += len(process.stdout.read())
    assert (got, process.returncode) == (size, 0)
    assert most < 24 * MEGABYTE


def test_many_commands_at_once_keep_apart(agent: AgentProcess, write_claude: WriteClaude) -> None:
    start(agent, write_claude("cat; exit $1"))
    running = [agent.shim("claude", str(n), stdin=subprocess.PIPE) for n in range(8)]
    for number, process in enumerate(running):
        with process:
            out, _ = process.communicate(f"{number}".encode(), timeout=30)
        assert (out, process.returncode) == (f"{number}".encode(), number)


CONVERSATION = "00000000-0000-4000-8000-000000000000"


def write_transcript(agent: AgentProcess, data: bytes) -> Path:
    """Write down a conversation as Claude Code does: for its own user alone."""
    folder = agent.folder / "workspace/home/.claude/projects/-repo"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    file = folder / f"{CONVERSATION}.jsonl"
    file.write_bytes(data)
    file.chmod(0o600)
    os.chown(file, AGENT_USER, -1)
    return file


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ([signal.SIGTERM], 128 + signal.SIGTERM),
        ([signal.SIGKILL], -signal.SIGKILL),
        ([signal.SIGTERM, signal.SIGKILL], None),
    ],
)
def test_a_transcript_whose_reader_waits_can_be_ended(
    agent: AgentProcess, signals: list[signal.Signals], code: int | None
) -> None:
    start(agent)
    write_transcript(agent, b"x" * 2 * MEGABYTE)
    with agent.shim("transcript", CONVERSATION) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"x"
        (keeper,) = keepers(agent)
        (writer,) = descendants(keeper)
        agent.wait_for(lambda: state(writer) == "S")
        for number in signals:
            process.send_signal(number)
        assert process.wait(30) == code or code is None
        agent.wait_for(lambda: descendants(agent.pid) == [])


def test_a_transcript_is_handed_out_and_forgotten(agent: AgentProcess) -> None:
    name = CONVERSATION
    start(agent)
    file = write_transcript(agent, b"one\ntwo\n")
    assert agent.ran("transcript", name).stdout == b"one\ntwo\n"
    assert agent.ran("transcript", "../../../../../../etc/passwd").returncode == 2
    assert agent.ran("forget-transcript", name).returncode == 0
    assert not file.exists()
    done = agent.ran("transcript", name)
    assert (done.returncode, done.stdout) == (0, b"")
    file.symlink_to("/etc/passwd")
    assert agent.ran("transcript", name).stdout == b""
    file.unlink()
    os.mkfifo(file)
    assert agent.ran("transcript", name).stdout == b""
