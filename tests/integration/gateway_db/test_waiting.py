"""What waits for a database: the migration for its server, gateways for the migration."""

import asyncio
import threading

import pytest
from sqlalchemy import text

from moorage_gateway.__main__ import main
from moorage_gateway.db.engine import make_engine
from moorage_gateway.db.migrate import migrate
from moorage_gateway.db.waiting import DatabaseAway, TablesBehind, await_database, await_tables
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.logging_state import restored_logging
from moorage_testing.ports import free_port

SETTINGS = DatabaseSettings()
PATIENT = 60.0


def test_tables_that_are_behind(empty_database_url: str) -> None:
    with pytest.raises(TablesBehind, match="moorage-gateway migrate"):
        await_tables(empty_database_url, SETTINGS, 0)
    migrate(empty_database_url, SETTINGS, "0001")
    with pytest.raises(TablesBehind, match="at 0001"):
        await_tables(empty_database_url, SETTINGS, 0)


def test_who_waits_goes_on_when_another_has_migrated(empty_database_url: str) -> None:
    waiting = threading.Thread(target=await_tables, args=(empty_database_url, SETTINGS, PATIENT))
    waiting.start()
    migrate(empty_database_url, SETTINGS)
    waiting.join(PATIENT)
    assert not waiting.is_alive()


def test_tables_of_a_newer_version_will_do(database_url: str) -> None:
    async def pretend() -> None:
        engine = make_engine(database_url, SETTINGS)
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await engine.dispose()

    asyncio.run(pretend())
    await_tables(database_url, SETTINGS, 0)


def test_a_database_that_does_not_answer() -> None:
    url = f"postgresql+asyncpg://moorage:x@127.0.0.1:{free_port()}/moorage"
    for wait in (await_database, await_tables):
        with pytest.raises(DatabaseAway, match="does not answer"):
            wait(url, SETTINGS, 0)


def test_the_command(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOORAGE_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("MOORAGE_REDIS_URL", "redis://127.0.0.1/0")
    with restored_logging():
        assert main(["migrate", "--check"]) == 1
        assert "`moorage-gateway migrate` brings them" in capsys.readouterr().err
        assert main(["migrate", "--patience", "5"]) == 0
        assert main(["migrate", "--check"]) == 0
    assert capsys.readouterr().out.endswith("The tables are at this version.\n")
