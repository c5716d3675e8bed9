"""The bundled PostgreSQL: its script under a real server, from an empty volume on."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from moorage_gateway.db.engine import make_engine
from moorage_gateway.db.migrate import migrate
from moorage_gateway.db.waiting import await_database
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.ports import free_port
from moorage_testing.postgres import PostgresServer, becoming

from .bundled import place, started

SETTINGS = DatabaseSettings()


class Bundled:
    """A PostgreSQL as the chart runs it."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self.binaries = binaries
        self.port = free_port()
        words = {"port = 5432": f"port = {self.port}", "'*'": "'127.0.0.1'"}
        self.script = place("postgres", folder, {}, words)
        (folder / "run" / "postgresql").mkdir()
        with (self.script.parent / "postgresql.conf").open("a") as conf:
            conf.write("dynamic_shared_memory_type = mmap\n")  # in its folder: it is killed here

    def url(self, password: str) -> str:
        return f"postgresql+asyncpg://moorage:{password}@127.0.0.1:{self.port}/moorage"

    @contextmanager
    def running(self, password: str) -> Iterator[None]:
        (self.folder / "passwords" / "password").write_text(password)
        if os.geteuid() == 0:
            for path in [self.folder, *self.folder.rglob("*")]:
                shutil.chown(path, "nobody")
        environment = {
            "PATH": f"{self.binaries}:{os.environ['PATH']}",
            "PGDATA": str(self.folder / "data" / "pgdata"),
        }
        with started(self.script, environment=environment, **becoming()):
            await_database(self.url(password), SETTINGS, 60)
            yield


@pytest.fixture
def bundled(postgres_server: PostgresServer) -> Iterator[Bundled]:
    # Not pytest's folder: PostgreSQL is somebody else, who may not enter there.
    with tempfile.TemporaryDirectory(prefix="moorage-chart-") as folder:
        yield Bundled(Path(folder), postgres_server.bin)


def test_from_an_empty_volume_to_the_tables(bundled: Bundled) -> None:
    with bundled.running("first"):
        migrate(bundled.url("first"), SETTINGS)
        assert ask(bundled.url("first"), "SELECT rolsuper FROM pg_roles WHERE rolname=user") is (
            False
        )
        with pytest.raises(OperationalError, match="password authentication failed"):
            ask(bundled.url("another"), "SELECT 1")


def test_killed_and_started_with_another_password(bundled: Bundled) -> None:
    with bundled.running("first"):
        migrate(bundled.url("first"), SETTINGS)
    assert (bundled.folder / "data" / "pgdata" / "postmaster.pid").exists()
    with bundled.running("it's-the-second"):
        found = ask(bundled.url("it's-the-second"), "SELECT count(*) FROM users")
        assert found == 0
        with pytest.raises(OperationalError, match="password authentication failed"):
            ask(bundled.url("first"), "SELECT 1")


def test_the_superuser_is_not_for_the_network(bundled: Bundled) -> None:
    with bundled.running("first"):
        url = bundled.url("first").replace("moorage:first", "postgres:first")
        with pytest.raises(OperationalError, match="no pg_hba"):
            ask(url, "SELECT 1")


def test_no_password_is_in_its_log(bundled: Bundled) -> None:
    with bundled.running("never-to-be-seen"):
        pass
    assert "never-to-be-seen" not in (bundled.folder / "config" / "log").read_text()


def ask(url: str, query: str) -> object:
    async def fetch() -> object:
        engine = make_engine(url, SETTINGS)
        try:
            async with engine.connect() as connection:
                return (await connection.execute(text(query))).scalar()
        finally:
            await engine.dispose()

    return asyncio.run(fetch())
