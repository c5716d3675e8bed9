"""Kernel settings that a kubelet or a node's systemd changes for the whole machine.

They belong to no namespace, so what they were is noted before the box starts, and written back
after its end.
"""

from pathlib import Path
from typing import Final

_ROOT: Final = Path("/proc/sys")
_SETTINGS: Final = (
    "fs/file-max",
    "fs/nr_open",
    "fs/protected_fifos",
    "fs/protected_hardlinks",
    "fs/protected_regular",
    "fs/protected_symlinks",
    "kernel/core_pattern",
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/pid_max",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)


def read() -> dict[str, str]:
    """Return the settings as they are."""
    return {name: (_ROOT / name).read_text() for name in _SETTINGS if (_ROOT / name).exists()}


def write(settings: dict[str, str]) -> None:
    """Make them so again."""
    for name, value in settings.items():
        if name in _SETTINGS and (_ROOT / name).read_text() != value:
            (_ROOT / name).write_text(value)
