"""Which rows are to go. Pure: conditions for a moment; `removal` does the removing.

Whole turns go, never parts of one: a turn whose last message is young stays, and so does all of a
session that is at work or in which something waits. Sessions that are gone lose everything else
first, so that removing their own row is a small step too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Table, and_, func, literal, or_, select

from moorage_api.resources import Activity, ClaudeSession
from moorage_gateway.db.tables import (
    approvals,
    audit_records,
    idempotency_keys,
    inputs,
    messages,
    refresh_tokens,
    sessions,
    sign_ins,
    turns,
)
from moorage_gateway.settings import LoginSettings, RetentionSettings

_REVOKED_KEPT: Final = timedelta(days=1)
_AT_WORK: Final = frozenset({Activity.WORKING, Activity.AWAITING_APPROVAL, Activity.RATE_LIMITED})


@dataclass(frozen=True, slots=True)
class Doomed:
    """Rows that are to go, the first in ``order`` first."""

    table: Table
    condition: ColumnElement[bool]
    order: Column[Any]
    declared_before: datetime | None = None
    """What the transaction that removes them has to declare: the table is append-only otherwise."""


def at_work(present: Iterable[ClaudeSession]) -> frozenset[str]:
    """Return the ids of the sessions that have a turn open."""
    return frozenset(
        session.metadata.uid
        for session in present
        if session.metadata.uid is not None and session.status.activity in _AT_WORK
    )


def history(
    settings: RetentionSettings, moment: datetime, busy: frozenset[str]
) -> Iterator[Doomed]:
    """Yield what is over in sessions that are there."""
    if settings.messages_days is not None:
        before = moment - timedelta(days=settings.messages_days)
        yield Doomed(messages, _old_message(before, moment, busy), messages.c.created_at)
        sent = and_(inputs.c.done_at <= before, inputs.c.session_id.not_in(busy))
        yield Doomed(inputs, sent, inputs.c.done_at)
    if settings.events_days is not None:
        before = moment - timedelta(days=settings.events_days)
        over = or_(approvals.c.resolved_at.is_not(None), approvals.c.expires_at <= moment)
        asked = and_(approvals.c.requested_at <= before, over)
        yield Doomed(
            approvals, and_(asked, approvals.c.session_id.not_in(busy)), approvals.c.requested_at
        )
        yield Doomed(turns, turns.c.ended_at <= before, turns.c.ended_at)


def gone(settings: RetentionSettings, moment: datetime) -> Iterator[Doomed]:
    """Yield what belongs to sessions that have been gone for long, and at last themselves."""
    if settings.gone_days is None:
        return
    condition = sessions.c.gone_at <= moment - timedelta(days=settings.gone_days)
    ids = select(sessions.c.id).where(condition)
    for table in (messages, inputs, approvals, turns):
        yield Doomed(table, table.c.session_id.in_(ids), table.c.session_id)
    yield Doomed(sessions, condition, sessions.c.gone_at)


def audit(settings: RetentionSettings, moment: datetime) -> Iterator[Doomed]:
    """Yield old records of who did what."""
    if settings.audit_days is not None:
        before = moment - timedelta(days=settings.audit_days)
        yield Doomed(audit_records, audit_records.c.at < before, audit_records.c.at, before)


def credentials(settings: LoginSettings, moment: datetime) -> Iterator[Doomed]:
    """Yield sign-ins that are over, tokens that were used up long ago, and expired keys.

    A used token is kept as long as a sign-in lasts without a refresh: until then its second use
    tells that it was stolen.
    """
    revoked, used = moment - _REVOKED_KEPT, moment - timedelta(days=settings.refresh_days)
    for table, column, until in (
        (sign_ins, sign_ins.c.expires_at, moment),
        (sign_ins, sign_ins.c.revoked_at, revoked),
        (refresh_tokens, refresh_tokens.c.used_at, used),
        (idempotency_keys, idempotency_keys.c.expires_at, moment),
    ):
        yield Doomed(table, column <= until, column)


def _old_message(before: datetime, moment: datetime, busy: frozenset[str]) -> ColumnElement[bool]:
    """Return the condition for messages of turns that are over since ``before``."""
    other = messages.alias("other")
    turn = func.coalesce(messages.c.turn_id, messages.c.id)
    young = and_(other.c.session_id == messages.c.session_id, other.c.created_at > before)
    return and_(
        messages.c.created_at <= before,
        messages.c.session_id.not_in(busy),
        _there_is_none(young, other.c.turn_id == turn),
        _there_is_none(young, other.c.id == turn),
        _there_is_none(inputs.c.session_id == messages.c.session_id, inputs.c.done_at.is_(None)),
        _there_is_none(
            approvals.c.session_id == messages.c.session_id,
            approvals.c.resolved_at.is_(None),
            approvals.c.decision.is_(None),
            approvals.c.expires_at > moment,
        ),
    )


def _there_is_none(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return NOT EXISTS as it is cheap here: asked for each of the few messages that are old.

    Written as such PostgreSQL may make it a join with the whole table.
    """
    found = select(literal(1)).where(*conditions).limit(1).correlate(messages)
    return found.scalar_subquery().is_(None)
