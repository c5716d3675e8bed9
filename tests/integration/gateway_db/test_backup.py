"""The commands of docs/database.md, on databases in use; afterwards a gateway reads the history.

Redis is another and empty one then: what it held is not backed up, and not missed.
"""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from moorage_gateway.settings import Settings
from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import Gateway, running_gateway, settings_for
from moorage_testing.postgres import USER, PostgresServer
from moorage_testing.redis import running_redis

PAGE: Final = Path(__file__).parents[3] / "docs" / "database.md"
BLOCKS: Final = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def settings(home: Path) -> Iterator[Settings]:
    """Return settings with an empty Redis; the database is a test's own."""
    with running_redis() as redis:
        yield settings_for(home, redis.url)


async def run(which: str, environment: Mapping[str, str]) -> None:
    """Run the page's commands that begin with this program, as an administrator would."""
    (commands,) = [block for block in BLOCKS if block.startswith(which)]
    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-euc", commands],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def use(gateway: Gateway) -> str:
    """Say something in a session, and return its id."""
    session_id = await gateway.create()
    for number in range(3):
        await gateway.say(session_id, f"before {number}")
    return session_id


async def history(gateway: Gateway, session_id: str) -> list[str]:
    answer = await gateway.client.get(f"/sessions/{session_id}/messages")
    assert answer.status_code == 200, answer.text
    return [message["content"] for message in answer.json()["messages"]]


async def check(settings: Settings, backend: MemoryBackend, url: str, session_id: str) -> None:
    """Check that a gateway on what was restored goes on, with a Redis that knows of nothing."""
    before = [f"before {number}" for number in range(3)]
    with running_redis() as redis:
        changed = settings_for(settings.home, redis.url, database_url=url)
        async with running_gateway(changed, backend) as gateway:
            assert await history(gateway, session_id) == before
            await gateway.say(session_id, "after")
            assert await history(gateway, session_id) == [*before, "after"]
            # What no runner had taken yet is sent again, in its order.
            sent = [getattr(one, "content", None) for one in await gateway.inbox(session_id)]
            assert list(dict.fromkeys(sent)) == [*before, "after"]


async def test_postgresql(
    settings: Settings, home: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    name = re.findall(r"/(test_\d+)\?", postgres_url)[0]
    restored = f"{name}_restored"
    environment = {
        "PATH": f"{postgres_server.bin}:{os.environ['PATH']}",
        "PGHOST": str(postgres_server.folder),
        "PGUSER": USER,
        "PGDATABASE": name,
        "BACKUP": str(home / "backup.dump"),
        "RESTORED": restored,
    }
    backend = MemoryBackend()
    used = settings.model_copy(update={"database_url": SecretStr(postgres_url)})
    async with running_gateway(used, backend) as gateway:
        session_id = await use(gateway)
        await run("pg_dump", environment)
        await gateway.say(session_id, "too late for the backup")
    try:
        await run("createdb", environment)
        await check(settings, backend, postgres_server.url(restored), session_id)
    finally:
        postgres_server.drop_database(restored)


async def test_sqlite(settings: Settings, home: Path, sqlite_url: str) -> None:
    file = Path(sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    restored = home / "restored.db"
    restored.write_text("what was there before")
    environment = {
        "DATABASE": str(file),
        "BACKUP": str(home / "backup.db"),
        "RESTORED": str(restored),
    }
    backend = MemoryBackend()
    used = settings.model_copy(update={"database_url": SecretStr(sqlite_url)})
    async with running_gateway(used, backend) as gateway:
        session_id = await use(gateway)
        await run("python3", environment)
        await gateway.say(session_id, "too late for the backup")
    await run("rm", environment)
    await check(settings, backend, f"sqlite+aiosqlite:///{restored}", session_id)
