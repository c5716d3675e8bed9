"""What can be done with the audit: read it."""

from dataclasses import dataclass

from moorage_gateway.audit.repository import AuditRepository, AuditRow, Search
from moorage_gateway.audit.schemas import AuditPage, AuditQuery, AuditView
from moorage_gateway.context import Context


@dataclass(frozen=True, slots=True)
class AuditService:
    """The audit, for an admin."""

    context: Context

    async def find(self, query: AuditQuery) -> AuditPage:
        """Return a page of records, newest first."""
        asked = {
            "actor_id": query.actor,
            "action": query.action,
            "outcome": query.outcome,
            "session_id": query.session,
        }
        search = Search(
            after=query.after,
            limit=query.limit + 1,
            since=query.since,
            until=query.until,
            equal=tuple((name, value) for name, value in asked.items() if value is not None),
        )
        async with self.context.engine.connect() as connection:
            rows = await AuditRepository(connection).find(search)
        shown = rows[: query.limit]
        return AuditPage(
            records=[_view(row) for row in shown],
            next_after=shown[-1].position if len(rows) > len(shown) else None,
        )


def _view(row: AuditRow) -> AuditView:
    return AuditView(
        id=row.position,
        at=row.at,
        action=row.action,
        outcome=row.outcome,
        actor_id=row.actor_id,
        via=row.via,
        via_id=row.via_id,
        address=row.address,
        request_id=row.request_id,
        object_id=row.object_id,
        session_id=row.session_id,
        details=row.details,
    )
