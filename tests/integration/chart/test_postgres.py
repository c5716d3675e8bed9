"""The bundled PostgreSQL: its script under a real server, from an empty volume on."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

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
def bundled(tmp_path: Path, postgres_server: PostgresServer) -> Bundled:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    return Bundled(tmp_path, postgres_server.bin)


def test_from_an_empty_volume_to_the_tables(bundled: Bundled) -> None:
    with bundled.running("first"):
        migrate(bundled.url("first"), SETTINGS)
        assert ask(bundled.url("first"), "SELECT rolsuper FROM pg_roles WHERE rolname=user") is (
            False
        )
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(bundled.url("another"), "SELECT 1")


def test_killed_and_started_with_another_password(bundled: Bundled) -> None:
    with bundled.running("first"):
        migrate(bundled.url("first"), SETTINGS)
    assert (bundled.folder / "data" / "pgdata" / "postmaster.pid").exists()
    with bundled.running("it's-the-second"):
        found = ask(bundled.url("it's-the-second"), "SELECT count(*) FROM users")
        assert found == 0
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(bundled.url("first"), "SELECT 1")


def test_the_superuser_is_not_for_the_network(bundled: Bundled) -> None:
    with bundled.running("first"):
        url = bundled.url("first").replace("moorage:first", "postgres:first")
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            ask(url, "SELECT 1")


def test_no_password_is_in_its_log(bundled: Bundled) -> None:
    with bundled.running("never-to-be-seen"):
        pass
    assert "never-to-be-seen" not in (bundled.folder / "config" / "log").read_text()


def ask(url: str, query: str) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""), ssl=False)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetch())
