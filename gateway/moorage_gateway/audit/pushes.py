"""Brings what the credential proxy noted of pushes into the audit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.pushes import FIELD, PUSHES, REFUSED_PUSHES, PushNote
from moorage_gateway.audit.acts import Act, Action, Fact, Outcome
from moorage_gateway.audit.caller import Caller
from moorage_gateway.audit.record import record
from moorage_gateway.audit.repository import AuditRepository

_AT_ONCE: Final = 200
_OUTCOMES: Final = {PUSHES: Outcome.ASKED, REFUSED_PUSHES: Outcome.REFUSED}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Noted:
    """A note, and where and when it was written."""

    name: str
    moment: datetime
    note: PushNote


@dataclass(frozen=True, slots=True)
class PushCollector:
    """A duty: a note is taken off Redis when it is recorded, so that none is lost in between."""

    redis: Redis
    engine: AsyncEngine

    async def collect(self) -> int:
        """Record what there is; returns how many pushes."""
        return sum([await self._collect(stream) for stream in _OUTCOMES])

    async def _collect(self, stream: str) -> int:
        recorded = 0
        while entries := await self._entries(stream):
            recorded += await self._record(list(_noted(stream, entries)), _OUTCOMES[stream])
            await self.redis.xdel(stream, *(entry_id for entry_id, _ in entries))
        return recorded

    async def _entries(self, stream: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        entries: Any = await self.redis.xrange(stream, count=_AT_ONCE)
        return list(entries)

    async def _record(self, noted: Sequence[_Noted], outcome: Outcome) -> int:
        """Record pushes, but those that were before a run was cut off."""
        if not noted:
            return 0
        async with self.engine.begin() as connection:
            span = (noted[0].moment, noted[-1].moment)
            there = await AuditRepository(connection).requests(Action.REPOSITORY_PUSH, span)
            new = [each for each in noted if each.name not in there]
            for each in new:
                await record(connection, each.moment, _act(each.note, outcome), _caller(each))
        return len(new)


def _noted(stream: str, entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> Iterator[_Noted]:
    for entry_id, fields in entries:
        name = entry_id.decode()
        moment = datetime.fromtimestamp(int(name.partition("-")[0]) / 1000, UTC)
        try:
            note = PushNote.model_validate_json(fields.get(FIELD.encode(), b""))
        except ValidationError:
            log.warning("what is no push is passed over", stream=stream, entry=name)
            continue
        yield _Noted(f"{stream}:{name}", moment, note)


def _act(note: PushNote, outcome: Outcome) -> Act:
    refs = " ".join(f"{ref}={commit}" for ref, commit in note.refs.items())
    details: dict[str, Fact] = {"refs": refs, "total": note.total, "namespace": note.namespace}
    return Act(Action.REPOSITORY_PUSH, note.repository, outcome, note.session_id, details)


def _caller(noted: _Noted) -> Caller:
    """Return on whose behalf it was: the session's, and so its owner's."""
    return Caller(noted.note.owner, "session", noted.note.session_id, None, noted.name)
