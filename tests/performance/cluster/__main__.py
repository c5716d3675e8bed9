"""``python -m performance.cluster``: measure sessions on the cluster of this machine."""

import sys
from pathlib import Path

from performance import cluster
from performance.cluster.benches import BENCHES, FULL, QUICK
from performance.command import Suite, main

_PACKAGES = ("claude-agent-sdk", "kopf", "kubernetes", "redis", "uvicorn", "uvloop")

if __name__ == "__main__":
    sys.exit(
        main(
            Suite(
                command="performance.cluster",
                about=cluster.__doc__,
                benches=BENCHES,
                full=FULL,
                quick=QUICK,
                output=Path("bench-results/cluster.json"),
                packages=_PACKAGES,
            )
        )
    )
