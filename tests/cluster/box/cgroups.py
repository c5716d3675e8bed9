"""The box's cgroups: one in each hierarchy, of which it sees only what is below.

That is cgroup v1, and v2 where it stands beside it without controllers. A machine with v2 alone
and without a Docker engine was never tried, so none are made there; but to look whether there is
something to clear is possible on any machine.
"""

import os
import signal
from pathlib import Path
from typing import Final

from cluster.errors import Impossible

_NAME: Final = "moorage-cluster"


class Cgroups:
    """Those of a machine with these mounts: the text of Linux' /proc/mounts, or nothing."""

    def __init__(self, mounts: str) -> None:
        kinds = {point: kind for _, point, kind, *_ in map(str.split, mounts.splitlines())}
        self.roots = tuple(
            Path(point) for point, kind in kinds.items() if kind in {"cgroup", "cgroup2"}
        )
        """Where the hierarchies are mounted."""
        self._has_v1 = "cgroup" in kinds.values()

    @classmethod
    def here(cls, mounts: Path = Path("/proc/mounts")) -> "Cgroups":
        """Return those of this machine; none, where it has no such table."""
        return cls(mounts.read_text() if mounts.exists() else "")

    def require(self) -> None:
        """Find out whether they can be made.

        Raises:
            Impossible: if cgroup v1 is not among the hierarchies.
        """
        if not self._has_v1:
            raise Impossible("no hierarchy of cgroup v1 is mounted here", "install a Docker engine")

    def make(self) -> list[Path]:
        """Make them; return the files that a process writes its id to, to join them.

        Raises:
            Impossible: if cgroup v1 is not among the hierarchies.
        """
        self.require()
        for root in self.roots:
            group = root / _NAME
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):  # empty in a new one: it is unusable
                if (root / setting).exists():
                    (group / setting).write_text((root / setting).read_text())
        return [root / _NAME / "cgroup.procs" for root in self.roots]

    def processes(self) -> set[int]:
        """Return the ids of all processes in them."""
        return {
            int(line)
            for root in self.roots
            for members in (root / _NAME).rglob("cgroup.procs")
            for line in members.read_text().split()
        }

    def kill(self) -> None:
        """Kill whatever is in them: after the box's end there is nothing, but for one half made."""
        for process in self.processes():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def remove(self) -> bool:
        """Remove them; return whether that is done, which takes until the last process is gone."""
        for root in self.roots:
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
