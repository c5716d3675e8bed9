"""What all integration tests may share: a control plane, on one worker of pytest-xdist, and
databases, once for each; and what a gateway's tests each have of their own. All starts when a test
asks.

Here and nowhere else: fixtures that two conftest.py files import are made twice.
"""

import pytest

from moorage_testing.controlplane.binaries import binary
from moorage_testing.controlplane.fixtures import (
    admin,
    control_plane,
    control_plane_options,
    namespace,
)
from moorage_testing.databases import (
    database_url,
    dialect,
    empty_database_url,
    empty_postgres_url,
    empty_sqlite_url,
    postgres_server,
    postgres_template,
    postgres_url,
    sqlite_template,
    sqlite_url,
)
from moorage_testing.gateway_fixtures import clock, home, redis_server
from moorage_testing.helm import Helm

__all__ = [
    "admin",
    "clock",
    "control_plane",
    "control_plane_options",
    "database_url",
    "dialect",
    "empty_database_url",
    "empty_postgres_url",
    "empty_sqlite_url",
    "helm",
    "home",
    "namespace",
    "postgres_server",
    "postgres_template",
    "postgres_url",
    "redis_server",
    "sqlite_template",
    "sqlite_url",
]


@pytest.fixture(scope="session")
def helm(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Return helm, built first if it is nowhere, with visible progress."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        binary("helm")
    return Helm(tmp_path_factory.mktemp("helm"))
