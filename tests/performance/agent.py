"""What the agent's container costs a session: a command's start, and each line it says.

The same command each time, as it is and by way of shim and supervisor, in turns, so that both see
the same machine.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from moorage_testing.pod import AgentProcess, agent_image
from performance.figures import Figure, Measured

_BENCH = "agent: a command in the agent's container"
_ECHO = "#!/bin/sh\nexec cat\n"
Start = Callable[[], "subprocess.Popen[bytes]"]


def commands(starts: int, lines: int) -> Measured:
    """Start a command `starts` times and exchange `lines` lines with one, both ways."""
    with _agent() as (agent, program):
        ways: dict[str, Start] = {
            "direct": lambda: subprocess.Popen(
                [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ),
            "shim": lambda: agent.shim("claude", stdin=subprocess.PIPE),
        }
        begun: dict[str, list[float]] = {way: [] for way in ways}
        echoed: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(starts):
            for way, start in ways.items():
                begun[way].append(_first_line(start))
        for way, start in ways.items():
            with start() as process:
                echoed[way] = [_exchange(process) for _ in range(lines)]
                process.communicate()
    figures = [
        *_figures("start to first line", begun),
        *_figures("a line there and back", echoed),
    ]
    return Measured(figures, {"starts": begun, "lines": echoed})


def _first_line(start: Start) -> float:
    began = perf_counter()
    with start() as process:
        _exchange(process)
        seconds = perf_counter() - began
        process.communicate()
    return seconds


def _exchange(process: "subprocess.Popen[bytes]") -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    began = perf_counter()
    process.stdin.write(b"one line of a stream\n")
    process.stdin.flush()
    process.stdout.readline()
    return perf_counter() - began


def _figures(what: str, seconds: dict[str, list[float]]) -> Iterator[Figure]:
    for way, values in seconds.items():
        yield Figure(_BENCH, f"{what}, {way}, fastest", round(min(values) * 1000, 3), "ms")
        yield Figure(_BENCH, f"{what}, {way}, p50", round(median(values) * 1000, 3), "ms")
        p99 = quantiles(values, n=100)[98]
        yield Figure(_BENCH, f"{what}, {way}, p99", round(p99 * 1000, 3), "ms")


@contextmanager
def _agent() -> Iterator[tuple[AgentProcess, Path]]:
    with agent_image() as image, tempfile.TemporaryDirectory(prefix="moorage-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        program = folder / "echo"
        program.write_text(_ECHO)
        program.chmod(0o755)
        agent = AgentProcess(image, folder)
        agent.start(program)
        try:
            agent.wait_for(agent.socket.exists)
            yield agent, program
        finally:
            agent.stop()
