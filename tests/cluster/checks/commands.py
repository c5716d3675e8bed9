"""Runs `python -m cluster` as a person does."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from cluster.kind import kubectl

HERE: Final = Path(__file__).parent
_CLUSTER: Final = [sys.executable, "-m", "cluster"]


def cluster(*arguments: str | Path) -> str:
    """Return what a command printed on its standard error, where progress is shown."""
    done = subprocess.run(
        [*_CLUSTER, *map(str, arguments)], stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def killed(at: str, *arguments: str) -> None:
    """Run a command and kill it, with what it started, as soon as it says that it begins ``at``."""
    process = subprocess.Popen(
        [*_CLUSTER, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    with process, process.stderr:
        said = []
        for line in process.stderr:
            said.append(line)
            if at in line:
                os.killpg(process.pid, signal.SIGKILL)
                return
    raise AssertionError(f"it never said {at!r}, but: {''.join(said)}")


def kube(*arguments: str) -> str:
    """Return what kubectl prints; it must succeed."""
    printed = kubectl(*arguments, seconds=200)
    assert printed is not None, f"kubectl {' '.join(arguments)} failed"
    return printed


def probe(*arguments: str) -> str:
    """Return what kubectl prints in the checks' own namespace."""
    return kube("--namespace=probe", *arguments)
