"""Statements that every dialect in use has, under a name of its own each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table
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


async def insert_all_once(
    connection: AsyncConnection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    *,
    key: Sequence[str],
) -> None:
    """Insert each of ``rows``, in their order, unless there is one with its key."""
    statement = _insert_once(connection.dialect.name, table, tuple(key))
    await connection.execute(statement, [dict(row) for row in rows])


@dataclass(frozen=True, eq=False, slots=True)
class Upsert:
    """An insert that changes the row where there is one with its key. Made once, as a constant."""

    table: Table
    key: tuple[str, ...]
    change: Callable[[Any], dict[str, Any]]
    """Takes the row that is not inserted; returns what the columns change to."""
    where: ColumnElement[bool] | None = None


def to_new(*names: str) -> Callable[[Any], dict[str, Any]]:
    """Return the change of these columns to what the row that is not inserted has in them."""
    return lambda new: {name: new[name] for name in names}


async def upsert(connection: AsyncConnection, what: Upsert, *rows: Mapping[str, Any]) -> None:
    """Insert each of ``rows``, in their order; where there is one with its key, change that."""
    await connection.execute(_upsert(what, connection.dialect.name), [dict(row) for row in rows])


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
def _upsert(what: Upsert, dialect: str) -> Insert:
    statement = insert_into(dialect, what.table)
    return statement.on_conflict_do_update(
        index_elements=list(what.key),
        set_=what.change(statement.excluded),
        where=what.where,
    )
