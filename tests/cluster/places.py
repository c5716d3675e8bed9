"""Where everything is kept: one folder, which may be removed whenever the cluster is down."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster.errors import Impossible
from cluster.steps import say

HOME: Final = "MOORAGE_CLUSTER_HOME"
_LONGEST: Final = 80
"""Of the folder's path, in bytes: a socket below it must be short enough for the kernel (108)."""


def home() -> Path:
    """Return the folder; it is made if need be."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(os.environ.get(HOME) or Path(cache) / "moorage" / "cluster").absolute()
    if len(os.fsencode(folder)) > _LONGEST:
        raise Impossible(
            f"{folder} is too long a path for sockets", f"set {HOME} to one of {_LONGEST} bytes"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def logs() -> Path:
    """Return the folder for what programs say."""
    folder = home() / "logs"
    folder.mkdir(exist_ok=True)
    return folder


def kubeconfig() -> Path:
    """Return the file with the cluster's address and the administrator's key."""
    return home() / "kubeconfig"


@contextmanager
def alone() -> Iterator[None]:
    """Hold the folder's lock, which the kernel releases however its holder ends."""
    with (home() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process that works on the cluster")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
