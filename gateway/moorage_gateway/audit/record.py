"""The one way to a record: a row in the transaction of the act, and a line in the log."""

from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.audit.acts import Act
from moorage_gateway.audit.caller import Caller, present
from moorage_gateway.db.commits import when_committed
from moorage_gateway.db.tables import audit_records

_INSERT: Final = insert(audit_records)
_LONGEST_OBJECT: Final = 1024

log = structlog.get_logger(__name__)


async def record(
    connection: AsyncConnection, moment: datetime, act: Act, caller: Caller | None = None
) -> None:
    """Write down that ``caller``, or whoever's request this is, does ``act``.

    ``connection`` is in the transaction that does it: neither stands without the other. What is
    done elsewhere than in the database is recorded before, with the outcome ASKED. The line is
    logged when the transaction commits, and not if it is rolled back.
    """
    row = _row(moment, act, caller or present.get())
    await connection.execute(_INSERT, row)
    when_committed(connection, lambda: _tell(row))


def _row(moment: datetime, act: Act, caller: Caller) -> dict[str, Any]:
    return {
        "at": moment,
        "action": act.action.value,
        "outcome": act.outcome.value,
        "actor_id": caller.actor_id,
        "via": caller.via,
        "via_id": caller.via_id,
        "address": caller.address,
        "request_id": caller.request_id,
        "object_id": act.object_id[:_LONGEST_OBJECT],
        "session_id": act.session_id,
        "details": dict(act.details),
    }


def _tell(row: dict[str, Any]) -> None:
    log.info("audit", **row | {"at": row["at"].isoformat()})
