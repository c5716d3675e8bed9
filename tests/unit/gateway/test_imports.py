"""What a process that serves does not need, it does not import: each costs time and memory."""

import subprocess
import sys

_NEEDLESS = (
    "alembic",  # the tables are brought to this version by somebody else, in a cluster
    "httpx2",  # for a provider of tokens alone
    "moorage_gateway.credential_proxy",
    "moorage_gateway.embedded",
    "moorage_gateway.studio",
    "opentelemetry.exporter",
    "sqladmin",
)


def test_serving_brings_only_what_it_needs() -> None:
    code = (
        "import sys, moorage_gateway.app, moorage_gateway.backends.kubernetes, "
        "moorage_gateway.server; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    brought = done.stdout.split()
    assert "moorage_gateway.backends.kubernetes" in brought
    assert [name for name in _NEEDLESS if name in brought] == []
