"""The one way to a record: a row in the transaction of the act, and a line in the log."""

from collections.abc import Sequence
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

Record = dict[str, Any]

log = structlog.get_logger(__name__)


async def record(
    connection: AsyncConnection, moment: datetime, act: Act, caller: Caller | None = None
) -> None:
    """Write down that ``caller``, or whoever's request this is, does ``act``.

    ``connection`` is in the transaction that does it: neither stands without the other. What is
    done elsewhere than in the database is recorded before, with the outcome ASKED. The line is
    logged when the transaction commits, and not if it is rolled back.
    """
    await write(connection, [record_of(moment, act, caller)])


def record_of(moment: datetime, act: Act, caller: Caller | None = None) -> Record:
    """Return what ``record`` writes, for somebody else to write it."""
    caller = caller or present.get()
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


async def write(connection: AsyncConnection, records: Sequence[Record]) -> None:
    """Write records in the transaction of what they tell of, as ``record`` does."""
    await connection.execute(_INSERT, records)
    when_committed(connection, lambda: _tell(records))


def _tell(records: Sequence[Record]) -> None:
    for each in records:
        log.info("audit", **each | {"at": each["at"].isoformat()})
