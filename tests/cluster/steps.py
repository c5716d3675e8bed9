"""Shows what is going on to the person who waits, and runs the programs that do it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster.errors import CommandFailed

_PROGRESS_EVERY: Final = 20.0

Words = Sequence[str | Path]
"""A command line."""


def say(text: str) -> None:
    """Print a line for the person who waits, in one piece also where others do at once."""
    sys.stderr.write(f"cluster: {text}\n")
    sys.stderr.flush()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what begins, and how long it took once it is done."""
    say(f"{what} ...")
    started = time.monotonic()
    yield
    say(f"{what}: done in {time.monotonic() - started:.1f} s")


def run(
    what: str,
    command: Words,
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    given: Path = Path(os.devnull),
    waits_for: Callable[[], str] = lambda: "",
) -> None:
    """Run a program to its end, with a sign of life now and then; its words go to ``log``.

    It reads the file ``given``. ``waits_for`` says what for, where that is known. On Linux it is
    killed when this process ends, however that comes.

    Raises:
        CommandFailed: if it ends with an error.
    """
    started = time.monotonic()
    with (
        log.open("wb") as output,
        given.open("rb") as read,
        subprocess.Popen(
            _ending_with_us(command),
            env=environment,
            cwd=folder,
            stdin=read,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            while True:
                try:
                    code = process.wait(_PROGRESS_EVERY)
                    break
                except subprocess.TimeoutExpired:
                    say(
                        f"{what}: still at it after {time.monotonic() - started:.0f} s{waits_for()}"
                    )
        except BaseException:
            process.kill()
            raise
    if code:
        raise CommandFailed(what, code, log)


def _ending_with_us(command: Words) -> list[str]:
    """Return a command that the kernel kills with this process, where setpriv can ask for that."""
    setpriv = shutil.which("setpriv")
    tie = [setpriv, "--pdeathsig=KILL", "--"] if setpriv else []
    return [*tie, *map(str, command)]


def ask(
    command: Words,
    *,
    environment: Mapping[str, str] | None = None,
    seconds: float = 30,
) -> str | None:
    """Return what a program prints, without the white space around it; None if it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout.strip()
