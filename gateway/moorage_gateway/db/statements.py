"""Statements that every dialect in use has, under a name of its own each."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection


async def insert_once(
    connection: AsyncConnection, table: Table, row: Mapping[str, Any], *, key: Sequence[str]
) -> bool:
    """Insert ``row`` unless there is one with its key. Returns whether it was inserted."""
    insert = (
        sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    )  # both have on_conflict_do_nothing, the generic insert has not
    statement = insert(table).values(**row).on_conflict_do_nothing(index_elements=list(key))
    result = await connection.execute(statement)
    return bool(result.rowcount)
