"""What a database does for a statement: caught as the product sends them, explained as it plans."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_SCAN: Final = re.compile(r"SCAN (?P<table>\w+)(?: USING (?:COVERING )?INDEX (?P<index>\w+))?")
_PARTIAL: Final = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'"


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement as the driver got it."""

    text: str
    parameters: Any

    @property
    def first_parameters(self) -> tuple[Any, ...]:
        """The parameters; of a statement for many rows, those of the first."""
        given = self.parameters
        return tuple(given[0] if isinstance(given, list) else given or ())


@contextmanager
def statements_sent(engine: AsyncEngine) -> Iterator[list[Sent]]:
    """Yield a list to which everything is added that is sent to the database meanwhile."""
    sent: list[Sent] = []

    def note(*arguments: Any) -> None:
        _, _, text, parameters, _, _ = arguments
        sent.append(Sent(text, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


async def whole_scans(connection: AsyncConnection, sent: Sent) -> list[str]:
    """Return the tables that the statement reads from one end to the other."""
    if connection.dialect.name == "sqlite":
        return await _sqlite_scans(connection, sent)
    return [
        node["Relation Name"]
        for plan in await _postgresql_plans(connection, sent)
        for node in _nodes(plan)
        if node["Node Type"] == "Seq Scan"
    ]


async def _sqlite_scans(connection: AsyncConnection, sent: Sent) -> list[str]:
    """Whoever walks through an index from end to end reads as much; not so if it is partial."""
    partial = set((await connection.exec_driver_sql(_PARTIAL)).scalars())
    rows = await connection.exec_driver_sql(
        f"EXPLAIN QUERY PLAN {sent.text}", sent.first_parameters
    )
    found = [match for row in rows if (match := _SCAN.match(row.detail))]
    return [match["table"] for match in found if match["index"] not in partial]


async def _postgresql_plans(connection: AsyncConnection, sent: Sent) -> list[Any]:
    """Return both plans that a prepared statement may get: with its values, and for any values."""
    await connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
    custom = await connection.exec_driver_sql(
        f"EXPLAIN (FORMAT JSON) {sent.text}", sent.first_parameters
    )
    raw: Any = (await connection.get_raw_connection()).driver_connection
    await raw.execute(f"PREPARE hot AS {sent.text}")
    nothing = ", ".join(["NULL"] * len(sent.first_parameters))
    call = f"hot({nothing})" if nothing else "hot"
    generic = await raw.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE {call}")
    await raw.execute("DEALLOCATE hot")
    return [_plan(custom.scalar_one()), _plan(generic)]


def _plan(told: Any) -> Any:
    return (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]


def _nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
