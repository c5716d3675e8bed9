"""The records' rows. There is nothing here that changes one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.audit.acts import Action
from moorage_gateway.db.tables import audit_records


@dataclass(frozen=True, slots=True)
class Search:
    """Which records; what is None is not asked for."""

    after: int | None
    limit: int
    since: datetime | None = None
    until: datetime | None = None
    equal: tuple[tuple[str, str], ...] = ()
    """Columns and what they must hold."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A record."""

    position: int
    at: datetime
    action: str
    outcome: str
    actor_id: str | None
    via: str
    via_id: str | None
    address: str | None
    request_id: str | None
    object_id: str
    session_id: str | None
    details: dict[str, Any]


class AuditRepository:
    """Reads records on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, search: Search) -> Sequence[AuditRow]:
        """Return records, newest first."""
        query = (
            select(audit_records)
            .where(*_conditions(search))
            .order_by(audit_records.c.position.desc())
            .limit(search.limit)
        )
        rows = (await self._connection.execute(query)).mappings()
        return [AuditRow(**row) for row in rows]

    async def requests(self, action: Action, span: tuple[datetime, datetime]) -> set[str]:
        """Return the requests for which this was recorded, of moments within the span."""
        columns = audit_records.c
        query = select(columns.request_id).where(
            columns.at.between(*span), columns.action == action.value
        )
        found: set[str] = set(await self._connection.scalars(query))
        return found


def _conditions(search: Search) -> list[ColumnElement[bool]]:
    columns = audit_records.c
    found = [columns[name] == value for name, value in search.equal]
    if search.after is not None:
        found.append(columns.position < search.after)
    if search.since is not None:
        found.append(columns.at >= search.since)
    if search.until is not None:
        found.append(columns.at < search.until)
    return found
