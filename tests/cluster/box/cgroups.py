"""The box's cgroups: one in each hierarchy, of which it sees only what is below.

That is cgroup v1, and v2 where it stands beside it without controllers. A machine with v2 alone
and without a Docker engine was never tried, so it is refused.
"""

import os
import signal
from pathlib import Path
from typing import Final

from cluster.errors import Impossible

_NAME: Final = "moorage-cluster"


def hierarchies() -> list[Path]:
    """Return where the hierarchies are mounted.

    Raises:
        Impossible: if cgroup v1 is not among them.
    """
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    if not any(kind == "cgroup" for _, kind in mounts):
        raise Impossible("no hierarchy of cgroup v1 is mounted here", "install a Docker engine")
    return [Path(point) for point, kind in mounts if kind in {"cgroup", "cgroup2"}]


def make() -> list[Path]:
    """Make the box's cgroups; return the files that a process writes its id to, to join them."""
    for root in hierarchies():
        group = root / _NAME
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # empty in a new one, which then is unusable
            if (root / setting).exists():
                (group / setting).write_text((root / setting).read_text())
    return [root / _NAME / "cgroup.procs" for root in hierarchies()]


def processes() -> set[int]:
    """Return the ids of all processes in them."""
    return {
        int(line)
        for root in hierarchies()
        for members in (root / _NAME).rglob("cgroup.procs")
        for line in members.read_text().split()
    }


def kill() -> None:
    """Kill whatever is in them: after the box's end there is nothing, but for one half made."""
    for process in processes():
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def remove() -> bool:
    """Remove them; return whether that is done, which takes until the last process is gone."""
    for root in hierarchies():
        group = root / _NAME
        if not group.exists():
            continue
        below = [folder for folder in group.rglob("*") if folder.is_dir()]
        try:
            for folder in [*reversed(below), group]:
                folder.rmdir()
        except OSError:
            return False
    return True
