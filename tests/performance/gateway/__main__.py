"""``python -m performance.gateway``: measure the gateway as it serves a cluster."""

import sys
from pathlib import Path

from performance import gateway
from performance.command import Suite, main
from performance.gateway.benches import BENCHES, FULL, QUICK

_PACKAGES = ("asyncpg", "fastapi", "httptools", "kubernetes", "redis", "sqlalchemy", "uvloop")

if __name__ == "__main__":
    sys.exit(
        main(
            Suite(
                command="performance.gateway",
                about=gateway.__doc__,
                benches=BENCHES,
                full=FULL,
                quick=QUICK,
                output=Path("bench-results/gateway.json"),
                packages=_PACKAGES,
            )
        )
    )
