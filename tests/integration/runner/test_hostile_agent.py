"""What an agent does to itself, and tries on its runner, ends as a clear state of the session."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import moorage_testing.hostile_claude
from moorage_api.inbox import Interrupt
from moorage_api.resources import Phase
from moorage_scripted_model import RunningModel, Step, Text, script_prompt
from moorage_testing.pod import Image, PodUnderTest
from moorage_testing.redis import RedisServer

MakePod = Callable[..., PodUnderTest]
MEGABYTE = 1024 * 1024
SLOW = script_prompt([Step.of(Text(text="tick " * 200), chunk=5, pause_ms=50)], "Slowly.")


@pytest.fixture
def make_pod(
    shared: Path, image: Image, model: RunningModel, redis_server: RedisServer
) -> Iterator[MakePod]:
    """Make a pod; with `deed`, Claude Code's place is taken by one that does this."""
    made: list[PodUnderTest] = []

    def make(deed: str | None = None, **options: Any) -> PodUnderTest:
        pod = PodUnderTest(image, shared / "session", redis_server, model, str(uuid4()), **options)
        if deed:
            pod.claude = _hostile(image, shared, deed, pod.agent.socket)
        made.append(pod)
        return pod

    yield make
    for pod in made:
        pod.stop()


def _hostile(image: Image, folder: Path, deed: str, agent_socket: Path) -> Path:
    source = Path(moorage_testing.hostile_claude.__file__)
    program, script = folder / "claude", folder / "hostile_claude.py"
    script.write_bytes(source.read_bytes())
    words = f"'{image.python}' -I -S '{script}' {deed} '{agent_socket}'"
    program.write_text(f"#!/bin/sh\nexec {words}\n")
    program.chmod(0o755)
    return program


def most_memory(pod: PodUnderTest) -> int:
    """The most memory that the runner had, in bytes."""
    lines = Path(f"/proc/{pod.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _has_words(event: Any) -> bool:
    return event.type == "session:status" and bool(event.data.message)


def failed(pod: PodUnderTest, reason: str) -> str:
    """Assert that the session failed for this reason; give the sentence."""
    assert pod.wait(90) == 1
    state = pod.state()
    assert (state.phase, state.reason) == (Phase.FAILED, reason)
    assert json.loads(pod.termination_log.read_text())["reason"] == reason
    assert state.message
    return state.message


def test_an_agent_that_ends_in_the_middle_of_a_turn_ends_the_session(make_pod: MakePod) -> None:
    pod = make_pod()
    pod.start()
    pod.prompt("p1", SLOW)
    pod.wait_for_type("message:delta")
    pod.agent.kill()
    assert failed(pod, "AgentEnded").startswith(
        "The agent container, which runs Claude Code, ended"
    )
    assert (pod.pending(), pod.dead()) == (1, [])  # the prompt is there for the next start
    pod.start()
    pod.wait_for_type("usage", turn_id="p1", outcome="completed", timeout=60)


def test_an_agent_that_ends_while_nothing_is_to_do_is_noticed_too(make_pod: MakePod) -> None:
    pod = make_pod("stay")
    pod.start()
    pod.wait_for_type("session:status", phase=Phase.READY)
    pod.agent.kill()
    failed(pod, "AgentEnded")


def test_an_agent_that_never_comes(make_pod: MakePod) -> None:
    pod = make_pod(spec={"timeouts": {"start": "3s"}})
    pod.start_runner()
    waiting: Any = pod.wait_for(_has_words)
    assert waiting.data.message.startswith("Waits for the agent container")
    message = failed(pod, "AgentEnded")
    assert message.startswith("The agent container did not open its socket within 3 s")
    assert "FROM moorage-agent" in message


def test_an_agent_that_comes_late(make_pod: MakePod) -> None:
    pod = make_pod("stay")
    pod.start_runner()
    pod.wait_for(_has_words)
    pod.agent.start(pod.claude)
    pod.wait_for_type("session:status", phase=Phase.READY)


def test_another_users_socket_is_not_the_agents(make_pod: MakePod) -> None:
    pod = make_pod(spec={"timeouts": {"start": "2s"}})
    with socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind(str(pod.agent.socket))
        impostor.listen()
        pod.start_runner(MOORAGE_AGENT_UID="12345")
        message = failed(pod, "AgentEnded")
    assert f"the user {os.geteuid()} listens there, not 12345" in message


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("first-exit", "Claude Code did not start"),
        ("first-garbage", "UnicodeDecodeError"),
        ("first-endless-line", "a message is longer than"),
    ],
)
def test_what_is_no_claude_code_does_not_start(make_pod: MakePod, deed: str, said: str) -> None:
    pod = make_pod(deed)
    pod.start()
    message = failed(pod, "ClaudeNotStarted")
    assert said in message


@pytest.mark.parametrize("deed", ["complain", "answer-back", "events", "close"])
def test_floods_and_closed_streams_leave_the_runner_well(make_pod: MakePod, deed: str) -> None:
    """The runner stays small, takes what comes over Redis, and stops when it is told to."""
    pod = make_pod(deed)
    pod.start()
    pod.wait_for_type("session:status", phase=Phase.READY)
    pod.agent.wait_for((pod.agent.folder / "agent-tmp" / "done").exists, timeout=120)
    entry = pod.send(Interrupt(input_id="i1", turn_id="p0"))
    pod.wait_until(lambda: pod.has_read(entry) and pod.pending() == 0)
    assert most_memory(pod) < 400 * MEGABYTE
    pod.terminate()
    assert pod.wait(60) == 75
    assert pod.state().phase is Phase.SUSPENDING


GONE = (
    b"The agent went away while it ran git.",
    b"There is no agent to run git (BrokenPipeError",
    b"There is no agent to run git (ConnectionResetError",
)


def test_one_who_takes_the_sockets_place_gets_nowhere(make_pod: MakePod) -> None:
    """The runner attends the agent that it knows; what is started next meets the other one."""
    pod = make_pod("impostor")
    pod.start()
    pod.wait_for_type("session:status", phase=Phase.READY)
    pod.agent.wait_for((pod.agent.folder / "agent-tmp" / "done").exists)
    done = pod.agent.ran("git", "--version")
    assert done.returncode == 69
    assert done.stderr.startswith(GONE), "it goes before or while it is told what to run"
    pod.terminate()
    assert pod.wait(60) == 75
