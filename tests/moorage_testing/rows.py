"""Rows for any table of any revision: made from what the database says of its columns."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    insert,
    select,
)

_MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)
Rows = dict[str, list[dict[str, Any]]]


def reflected(connection: Connection) -> list[Table]:
    """Return the tables that are there, those that others refer to first."""
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def fill(connection: Connection) -> None:
    """Give every empty table a row; what refers to another table refers to its row."""
    for table in reflected(connection):
        if connection.execute(select(table)).first() is None:
            connection.execute(insert(table).values({c.name: _value(c) for c in table.columns}))


def contents(connection: Connection) -> Rows:
    """Return all rows of all tables."""
    return {
        table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
        for table in reflected(connection)
    }


def common(rows: Rows, other: Rows) -> Rows:
    """Return the part of ``rows`` whose tables and columns ``other`` has too."""
    return {
        name: [
            {key: value for key, value in row.items() if not other[name] or key in other[name][0]}
            for row in some
        ]
        for name, some in rows.items()
        if name in other
    }


def _value(column: Column[Any]) -> Any:
    """Return a value; the same for columns of one kind, so that references find each other."""
    kind = column.type
    simple: list[tuple[Any, Any]] = [
        (Boolean, True),
        (BigInteger, 1),
        (Integer, 1),
        (Float, 0.5),
        (DateTime, _MOMENT if getattr(kind, "timezone", False) else _MOMENT.replace(tzinfo=None)),
        (LargeBinary, b"\0\1"),
    ]
    for known, value in simple:
        if isinstance(kind, known):
            return value
    if kind.python_type is dict:
        return {"a": [1, None, "é"]}
    return "x"
