"""Processes of a test end with it, also when it is killed and no fixture gets to clean up."""

import signal
import sys
from pathlib import Path


def with_the_test(*command: str | Path, by: signal.Signals = signal.SIGKILL) -> list[str | Path]:
    """Return a command that the kernel ends with its parent, by that signal. Linux only.

    A program says so of itself and becomes the command. Python's ``preexec_fn`` could as well, but
    with it the whole process is copied each time: a test's has some hundred MiB.
    """
    if sys.platform != "linux":
        return list(command)
    return ["setpriv", f"--pdeathsig={by.name.removeprefix('SIG')}", "--", *command]
