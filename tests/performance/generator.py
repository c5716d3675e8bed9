"""Runs the load generator and reads what it prints: stages it reaches, and last its result."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class GeneratorError(RuntimeError):
    """The load generator failed, or took longer than it may."""


class Generator:
    """A load generator that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def reach(self, stage: str) -> None:
        """Wait until it says that it reached a stage."""
        said = self._next()
        if said.get("stage") != stage:
            raise GeneratorError(f"the load generator said {said} instead of {stage}")

    def release(self) -> None:
        """Let clients that only sit there go."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def ask(self, order: Json) -> Json:
        """Give an order to one that takes them, and return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._next()

    def result(self) -> Json:
        """Wait for the end and return what was measured."""
        while "stage" in (said := self._next()):
            pass
        return said

    def _next(self) -> Json:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise GeneratorError(f"the load generator ended early (exit status {code})")
        said: Json = json.loads(line)
        return said


@contextmanager
def generating(
    binary: Path, mode: str, options: dict[str, object], limit_seconds: float
) -> Iterator[Generator]:
    """Start a load generator; it ends with the block, or is ended after the limit."""
    flags = [f"-{name}={value}" for name, value in options.items()]
    with subprocess.Popen(
        [str(binary), mode, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        watchdog = threading.Timer(limit_seconds, process.kill)
        watchdog.start()
        try:
            yield Generator(process)
        finally:
            watchdog.cancel()
            process.kill()
