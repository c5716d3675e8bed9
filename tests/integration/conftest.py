"""What all integration tests may share, once for each worker of pytest-xdist: a control plane, and
databases. They start when the first test asks.

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

__all__ = [
    "admin",
    "control_plane",
    "control_plane_options",
    "database_url",
    "dialect",
    "empty_database_url",
    "empty_postgres_url",
    "empty_sqlite_url",
    "namespace",
    "postgres_server",
    "postgres_template",
    "postgres_url",
    "sqlite_template",
    "sqlite_url",
]
