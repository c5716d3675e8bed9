"""kind, kubectl and helm: what the machine has if it is of our version, else built once.

The version counts to its second number: 1.37 of kubectl, whichever patch.
"""

import re
import shutil
from functools import cache
from pathlib import Path
from typing import Final

from cluster.steps import ask
from moorage_testing.controlplane.binaries import TOOLS, binary

_ASK: Final = {
    "kind": ("version",),
    "kubectl": ("version", "--client"),
    "helm": ("version", "--short"),
}


@cache  # each test of the cluster calls kubectl dozens of times
def tool(name: str) -> Path:
    """Return a program: kind, kubectl or helm."""
    found = shutil.which(name)
    if found is not None and _minor(ask([found, *_ASK[name]])) == _minor(TOOLS[name].version):
        return Path(found)
    return binary(name)


def _minor(text: str | None) -> str | None:
    version = re.search(r"v(\d+\.\d+)\.\d+", text or "")
    return version and version[1]
