"""Statements that every dialect in use has, under a name of its own each."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Insert, Table
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection


async def insert_once(
    connection: AsyncConnection, table: Table, row: Mapping[str, Any], *, key: Sequence[str]
) -> bool:
    """Insert ``row`` unless there is one with its key. Returns whether it was inserted."""
    statement = _insert_once(connection.dialect.name, table, tuple(key))
    result = await connection.execute(statement, dict(row))
    return bool(result.rowcount)


async def upsert(
    connection: AsyncConnection, table: Table, row: Mapping[str, Any], *, changed: Sequence[str]
) -> None:
    """Insert ``row``; where there is one with its id, change these columns of it."""
    statement = _upsert(connection.dialect.name, table, tuple(changed))
    await connection.execute(statement, dict(row))


def insert_into(dialect: str, table: Table) -> PostgresqlInsert | SqliteInsert:
    """Return an insert that can say what happens where there is such a row already.

    Both dialects have that, the generic insert has not.
    """
    return (sqlite_insert if dialect == "sqlite" else postgresql_insert)(table)


# Made once each: to make a statement takes longer than to send it.


@cache
def _insert_once(dialect: str, table: Table, key: tuple[str, ...]) -> Insert:
    return insert_into(dialect, table).on_conflict_do_nothing(index_elements=key)


@cache
def _upsert(dialect: str, table: Table, changed: tuple[str, ...]) -> Insert:
    statement = insert_into(dialect, table)
    values = {name: statement.excluded[name] for name in changed}
    return statement.on_conflict_do_update(index_elements=["id"], set_=values)
