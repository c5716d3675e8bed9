"""Fixtures: a fresh database for a test, on SQLite and on PostgreSQL.

A conftest.py imports what its tests need. A test that asks for ``database_url`` runs on both; one
that needs a certain one asks for ``sqlite_url`` or ``postgres_url``. PostgreSQL is started once for
a session of tests (one for each worker of pytest-xdist) and gives each test a copy of a template
with this version's tables.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage_gateway.db.migrate import migrate
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.postgres import PostgresServer, running_postgres

DIALECTS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Return a running PostgreSQL that all tests share; who stops one starts his own."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """Return the name of a database with this version's tables, to be copied."""
    name = postgres_server.make_database()
    migrate(postgres_server.url(name), DatabaseSettings())
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database file with this version's tables, to be copied."""
    file = tmp_path_factory.mktemp("template") / "moorage.db"
    migrate(f"sqlite+aiosqlite:///{file}", DatabaseSettings())
    return file


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Return the URL of a PostgreSQL database without any table."""
    name = postgres_server.make_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """Return the URL of a PostgreSQL database with this version's tables."""
    name = postgres_server.make_database(postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a database file that is not there yet."""
    return f"sqlite+aiosqlite:///{tmp_path / 'databases' / 'moorage.db'}"


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """Return the URL of a database file with this version's tables."""
    file = tmp_path / "moorage.db"
    file.write_bytes(sqlite_template.read_bytes())
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    """Return which database a test runs on; a test that asks for it runs on each."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(dialect: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of a fresh database with this version's tables."""
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[dialect]
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def empty_database_url(dialect: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of a fresh database without any table."""
    name = {"sqlite": "empty_sqlite_url", "postgresql": "empty_postgres_url"}[dialect]
    url: str = request.getfixturevalue(name)
    return url
