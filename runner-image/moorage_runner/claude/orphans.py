"""Nothing of a session outlives its runner: two Claude Codes must not work on one conversation.

In a pod the container goes as a whole. On a laptop a killed runner leaves Claude Code behind,
which then goes on alone, and what its tools started. So the kernel is asked to end it with the
runner where that can be had (setpriv), and a runner that starts first ends what is left: all
processes that have this session's configuration folder in their environment.
"""

import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from moorage_runner.claude import sdk

_PROC = Path("/proc")
_ENDED_SECONDS = 2.0


def launcher(folder: Path) -> Path:
    """Write a program that starts Claude Code so that it ends with its parent.

    Returns:
        Its path; that of Claude Code itself where there is no setpriv.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    program = sdk.program()
    if setpriv is None:
        return program
    words = shlex.join([setpriv, "--pdeathsig", "KILL", "--", str(program)])
    path = folder / "claude"
    path.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    path.chmod(0o755)
    return path


def end_leftovers(config_folder: Path) -> int:
    """End what still runs of this session; return how many processes that were."""
    marker = f"CLAUDE_CONFIG_DIR={config_folder}".encode()
    ended = set[int]()
    deadline = time.monotonic() + _ENDED_SECONDS
    while (left := list(_marked(marker))) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended.update(left)
        time.sleep(0.005)
    return len(ended)


def _marked(marker: bytes) -> Iterator[int]:
    """Find the processes with this variable, other than this one."""
    if not _PROC.is_dir():
        return
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            if marker in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
