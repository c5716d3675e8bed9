"""The whole thing as a user starts it: real Claude Code, scripted model, real processes."""

import json
import shlex
import signal
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from .run import COMMAND, PATIENCE, await_end, environment, free_port, left_over, running


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="moorage-") as folder:
        yield Path(folder) / "home"


def refused(home: Path, *arguments: str, **more: str) -> tuple[int, str]:
    ended = subprocess.run(
        [*COMMAND, *arguments],
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return ended.returncode, ended.stderr.strip()


def test_an_address_that_cannot_be_cloned_is_refused_before_anything_starts(home: Path) -> None:
    url = "https://ada:hunter2@git.example.com/team/shop"
    code, told = refused(home, REPO=url)
    assert code == 2
    assert "must hold no user name or password" in told
    assert "hunter2" not in told
    assert not home.exists()


def test_the_first_run_does_a_job_and_shows_it(home: Path) -> None:
    with running(home, MOORAGE_EXIT="1") as run:
        assert run.finish() == 0
        for line in (
            "No ANTHROPIC_API_KEY is set, so a scripted model answers.",
            "> Look around in this repository",
            "I look at the repository first",
            "● Bash  git log",
            "│ README.md",
            "● Write  NOTES.md",
            "Done. You asked:",
            "· completed in ",
            "· Stopped",
        ):
            assert line in run.output
        assert "\033" not in run.output
        assert left_over(home) == []
    (clone,) = home.glob("sessions/*/workspace/repo")
    assert (clone / "NOTES.md").read_text() == "# Notes\n\nWritten by Moorage's scripted model.\n"
    assert not (home / "sample-repository" / "NOTES.md").exists()
    assert home.stat().st_mode & 0o777 == 0o700


def test_state_is_kept_and_a_second_start_is_told_where_the_first_is(home: Path) -> None:
    port = free_port()
    with running(home, MOORAGE_EXIT="1") as run:
        assert run.finish() == 0
    with running(home, "--no-job", MOORAGE_PORT=str(port)) as run:
        run.until("Ctrl-C ends it.")
        url = f"http://127.0.0.1:{port}/api/claude-code/sessions"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            assert json.load(answer)["total"] == 1
        code, sentence = refused(home)
        assert code == 3
        assert sentence.startswith(
            f"moorage: Moorage runs already in {home}: http://127.0.0.1:{port}."
        )
        run.signal(signal.SIGINT)
        assert run.finish() == 0


def test_a_permission_is_asked_for_at_the_terminal(home: Path, tmp_path: Path) -> None:
    with running(
        home, "--prompt", "Hello.", "--exit-when-done", terminal=True, TERM="xterm"
    ) as run:
        run.until("Claude asks")
        run.until("Allow it? [y/n]")
        run.type("maybe\n")
        run.until("maybe\r\n")
        run.type("y\n")
        assert run.finish() == 0
        assert "allowed" in run.output
        assert "\033[" in run.output
    (clone,) = home.glob("sessions/*/workspace/repo")
    assert (clone / "NOTES.md").exists()


def test_without_a_terminal_a_permission_comes_as_a_command(home: Path) -> None:
    with running(home, "--prompt", "Hello.", "--exit-when-done") as run:
        run.until("""'{"decision":"allow"}'\n""")
        (command,) = [each for each in run.output.splitlines() if "decision" in each]
        subprocess.run(shlex.split(command), check=True, timeout=PATIENCE)
        assert run.finish() == 0
        assert "allowed" in run.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_in_the_middle_of_a_turn(
    home: Path, number: signal.Signals
) -> None:
    with running(home, "--prompt", "[[script:slow]]") as run:
        run.until("tick tick")
        run.signal(number)
        assert run.finish() == 0
        assert left_over(home) == []


def test_told_twice_it_ends_at_once(home: Path) -> None:
    with running(home, "--prompt", "[[script:slow]]") as run:
        run.until("tick tick")
        run.signal(signal.SIGINT)
        run.until("Stopping")
        run.signal(signal.SIGINT)
        assert run.finish() == 0
        assert "Ending at once" in run.output
        assert left_over(home) == []


def test_told_while_it_starts_it_ends(home: Path) -> None:
    with running(home, "--no-job") as run:
        run.until("Starting Redis")
        run.signal(signal.SIGTERM)
        assert run.finish() == 0
        assert left_over(home) == []


def test_killed_it_leaves_nothing_and_starts_again(home: Path) -> None:
    with running(home, "--prompt", "[[script:slow]]") as run:
        run.until("tick tick")
        assert len(left_over(home)) > 4
        run.signal(signal.SIGKILL)
        run.process.wait(timeout=PATIENCE)
        with running(home, "--no-job") as again:
            again.until("Ctrl-C ends it.")
            again.signal(signal.SIGINT)
            assert again.finish() == 0
        await_end(home)


def test_a_home_with_a_long_path_works(home: Path) -> None:
    deep = home / ("x" * 60) / ("y z%" * 15)
    with running(deep, "--no-job") as run:
        run.until("Ctrl-C ends it.")
        run.signal(signal.SIGINT)
        assert run.finish() == 0


def test_no_streams_at_all(home: Path) -> None:
    command = [*COMMAND, "--exit-when-done"]
    process = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command],
        env=environment(home),
        timeout=PATIENCE,
        check=False,
    )
    assert process.returncode == 0
    assert len(list(home.glob("sessions/*/workspace/repo/NOTES.md"))) == 1
    await_end(home)


def test_a_taken_port_is_said(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, sentence = refused(home, MOORAGE_PORT=str(port))
    assert code == 4
    assert sentence.startswith(f"moorage: Port {port} is taken by another program: choose one with")
    assert left_over(home) == []


def test_what_the_machine_lacks_is_said(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "home"
    code, sentence = refused(below)
    assert code == 5
    assert sentence.startswith(f"moorage: {below} cannot be written (Not a directory): set MOORAGE")
    code, sentence = refused(home, PATH=str(tmp_path))
    assert (code, sentence.startswith("moorage: git was not found")) == (5, True)
    code, sentence = refused(home, "--repo", str(tmp_path / "nowhere"))
    assert (code, sentence.startswith("moorage: There is no folder")) == (2, True)
    code, sentence = refused(home, MOORAGE_HTTP__SHUTDOWN_SECONDS="soon")
    assert (code, "MOORAGE_HTTP__SHUTDOWN_SECONDS" in sentence) == (2, True)


def test_a_repository_that_cannot_be_cloned_fails_the_job(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with running(home, "--repo", str(tmp_path / "empty"), "--exit-when-done") as run:
        assert run.finish() == 1
        assert "Failed" in run.output
