"""Starts commands under the guard, so that they end with this process, whatever ends it."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_GUARD = Path(__file__).with_name("guard.py")
_PATIENCE = 8.0
"""How much longer than its grace a guard may take before it is killed itself."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. Its output goes to the end of ``log``."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    grace_seconds: float
    reads_stdin: bool = False


class GuardedProcess:
    """A command that runs under a guard."""

    def __init__(self, process: Process, command: Command) -> None:
        self._process = process
        self.log = command.log
        self._patience = command.grace_seconds + _PATIENCE

    @property
    def pid(self) -> int:
        """The guard's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Wait for its end and return its exit code, 128+n for signal n."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Tell it to stop."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, whatever is left of its grace."""
        self._send(signal.SIGUSR1)

    async def stop(self) -> int:
        """Tell it to stop and wait until nothing of it is left."""
        self.terminate()
        try:
            async with asyncio.timeout(self._patience):
                return await self.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            return await self.wait()

    def _send(self, number: signal.Signals) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def hand_over(self, line: bytes) -> None:
        """Write ``line`` to its standard input and close it.

        Raises:
            OSError: if it does not read any more.
        """
        stdin = self._process.stdin
        if stdin is None or not self.running:
            raise BrokenPipeError
        stdin.write(line)
        await stdin.drain()
        stdin.close()
        await stdin.wait_closed()


class Lifeline:
    """The pipe whose end tells guards that this process is gone, and all that hangs on it.

    An asynchronous context: at its end everything that was started through it has ended.
    ``lock`` is a locked file that the guards hold open too: so the lock lasts until what they
    guard is gone, even if this process was killed.
    """

    def __init__(self, lock: int | None = None) -> None:
        self._reader, self._writer = os.pipe()
        self._held = (self._reader,) if lock is None else (self._reader, lock)
        self._starting: set[asyncio.Task[GuardedProcess]] = set()
        self._processes: set[GuardedProcess] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.gather(*self._starting, return_exceptions=True)
        os.close(self._writer)
        os.close(self._reader)
        await asyncio.gather(*(each.stop() for each in self._processes))

    async def start(self, command: Command) -> GuardedProcess:
        """Start a command under a guard.

        Raises:
            OSError: if no process can be made, or its log not be written.
        """
        # A cancelled caller must not make us forget a process that is being made.
        starting = asyncio.create_task(self._start(command))
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)
        return await asyncio.shield(starting)

    async def _start(self, command: Command) -> GuardedProcess:
        self._processes = {each for each in self._processes if each.running}
        with _appending(command.log) as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_GUARD)),
                *(",".join(map(str, self._held)), str(command.grace_seconds)),
                *command.arguments,
                stdin=PIPE if command.reads_stdin else DEVNULL,
                stdout=log,
                stderr=STDOUT,
                env=dict(command.environment),
                pass_fds=self._held,
                start_new_session=True,
            )
        guarded = GuardedProcess(process, command)
        self._processes.add(guarded)
        return guarded


def _appending(path: Path) -> IO[bytes]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "ab", buffering=0)


def bound_log(path: Path, limit: int) -> None:
    """Move a log that has grown too large aside; who writes to it goes on at its start.

    The writer holds the file open at its end (O_APPEND), so it is copied and cut, not renamed.
    """
    try:
        if path.stat().st_size <= limit:
            return
        with path.open("rb") as source:
            source.seek(-limit, os.SEEK_END)
            path.with_name(path.name + ".1").write_bytes(source.read())
        os.truncate(path, 0)
    except FileNotFoundError:
        return
