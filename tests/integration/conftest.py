"""What all integration tests may share, once for each worker of pytest-xdist: a control plane, and
databases; and what a gateway's tests each have of their own. All starts when a test asks.

Here and nowhere else: fixtures that two conftest.py files import are made twice.
"""

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
    "home",
    "namespace",
    "postgres_server",
    "postgres_template",
    "postgres_url",
    "redis_server",
    "sqlite_template",
    "sqlite_url",
]
