"""Runs git: with an environment of its own, in a process group that never outlives the call."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from moorage_runner.commands import GIT_CONFIG, Launcher

LOCAL: Final = Launcher()
_CHUNK: Final = 64 * 1024
_LAST_SECONDS: Final = 1.0
"""For what was left in the pipes; only a process that left its group could write on."""

_STDERR_KEPT: Final = 16 * 1024
_INHERITED: Final = (
    *("PATH", "TMPDIR", "http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"),
    *("no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"),
)
"""What git takes from the runner's environment: how to reach the network, never a secret."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended."""

    code: int
    stdout: bytes
    stderr: str
    """Its last 16 KiB."""
    cut: bool = False
    """It wrote more than the limit and was ended for it."""


def environment(protocols: Sequence[str] = ()) -> dict[str, str]:
    """Return git's environment; it may use the `protocols` only, its submodules too."""
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "LC_ALL": "C",
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(GIT_CONFIG),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none",
        "GIT_TEMPLATE_DIR": "",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_LITERAL_PATHSPECS": "1",
    }


async def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    launcher: Launcher = LOCAL,
    *,
    stdin: bytes | None = None,
    on_stderr: Callable[[bytes], None] | None = None,
    limit: int = 1024 * 1024,
) -> Finished:
    """Run `command` and keep at most `limit` bytes of what it says.

    Its whole process group is killed when the caller is cancelled or out of time. Where it runs in
    the agent, the agent is asked first: a kill of the shim alone it would follow a moment later.

    Raises:
        OSError: The program cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *launcher.command(command),
        stdin=DEVNULL if stdin is None else PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=launcher.environment(environment, kept=_INHERITED),
        cwd=launcher.folder,
        start_new_session=True,
    )
    try:
        return await _converse(process, stdin, on_stderr, limit)
    except BaseException:
        await _ask_to_end(process, launcher.patience)
        _kill(process)  # even if git has ended: what it started may hold the pipes
        raise
    finally:
        await _close(process)


async def _converse(
    process: Process,
    stdin: bytes | None,
    on_stderr: Callable[[bytes], None] | None,
    limit: int,
) -> Finished:
    async with asyncio.TaskGroup() as tasks:
        if stdin is not None:
            tasks.create_task(_feed(process, stdin))
        said = tasks.create_task(_read_output(process, limit))
        complained = tasks.create_task(_read_errors(process, on_stderr))
    code = await process.wait()
    output, cut = said.result()
    return Finished(code, output, complained.result(), cut)


async def _feed(process: Process, data: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _read_output(process: Process, limit: int) -> tuple[bytes, bool]:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    kept = bytearray()
    while chunk := await process.stdout.read(_CHUNK):
        kept += chunk
        if len(kept) > limit:
            _kill(process)
            return bytes(kept[:limit]), True
    return bytes(kept), False


async def _read_errors(process: Process, on_stderr: Callable[[bytes], None] | None) -> str:
    assert process.stderr is not None  # noqa: S101 - it was asked for
    kept = b""
    while chunk := await process.stderr.read(_CHUNK):
        if on_stderr:
            on_stderr(chunk)
        kept = (kept + chunk)[-_STDERR_KEPT:]
    return kept.decode("utf-8", "replace")


async def _ask_to_end(process: Process, patience: float) -> None:
    with suppress(ProcessLookupError, TimeoutError):
        if patience:
            process.terminate()
            async with asyncio.timeout(patience):
                await process.wait()


async def _close(process: Process) -> None:
    """Read its pipes to their end: asyncio waits for that, and closes them by nothing else."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_SECONDS):
            await process.communicate()


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
