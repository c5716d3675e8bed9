"""What a process uses, from /proc: processor time and memory."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
QUIET_CORES = 0.15
"""How many cores others may use on a quiet machine; what a hypervisor takes away counts too."""

QUIET_SECONDS = 20.0
"""How long a measurement waits for other work on the machine to end; then it begins anyway."""


def cpu_seconds(pid: int) -> float:
    """Return the processor time that the process itself has used, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in KiB; pss counts what is shared with others in proportion."""

    rss: int
    pss: int

    @classmethod
    def of(cls, pid: int) -> "Memory":
        """Read that of a process."""
        values = {}
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, _, rest = line.partition(":")
            values[name] = int(rest.split()[0])
        return cls(values["Rss"], values["Pss"])

    def as_json(self) -> dict[str, int]:
        """Return it for the report's file."""
        return {"rssKiB": self.rss, "pssKiB": self.pss}


class Stopwatch:
    """Measures how many cores some processes, and all others, keep busy from now on."""

    def __init__(self, **pids: int) -> None:
        self._pids = pids
        self._since = time.monotonic()
        self._before = self._used()

    def read(self) -> dict[str, float]:
        """Return the processor time per time since the start, of each and of all ``others``."""
        passed = time.monotonic() - self._since
        used = self._used()
        return {name: round(max(used[name] - self._before[name], 0) / passed, 3) for name in used}

    def _used(self) -> dict[str, float]:
        used = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
        return used | {"others": _busy_seconds() - sum(used.values())}


def wait_until_quiet(at_most_seconds: float, **own: int) -> float:
    """Wait until little else runs than ``own``, but not for long; return the cores busy last."""
    end = time.monotonic() + at_most_seconds
    while True:
        watch = Stopwatch(**own)
        time.sleep(0.5)
        busy = watch.read()["others"]
        if busy <= QUIET_CORES or time.monotonic() >= end:
            return busy


def _busy_seconds() -> float:
    """Return all processors' time but for idling; what the hypervisor took away counts."""
    user, nice, system, _, _, *interrupts_and_steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + sum(interrupts_and_steal)) / _TICKS
