"""A page of approvals: of those in the database, and of those that only runners know of yet.

Which are on the page is decided by their keys. What they hold, up to 1 MiB each, is read for the
page alone, and no more of it than an answer may hold.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

from moorage_gateway.approvals.repository import (
    ApprovalKey,
    ApprovalRepository,
    ApprovalRow,
    Chosen,
)
from moorage_gateway.approvals.schemas import ApprovalList, ApprovalQuery
from moorage_gateway.approvals.view import state_of, view
from moorage_gateway.context import Context
from moorage_gateway.sessions.live import read_live

_Item = TypeVar("_Item")

_MOST_CHARACTERS: Final = 4 * 2**20
"""What a page holds at most, but for one approval: that is always given."""

_ROWS_AT_ONCE: Final = 8
_SESSIONS_AT_ONCE: Final = 32
_MOST_ASKED: Final = 100
"""What a session is believed to ask at one moment. Claude Code asks a few times at once at most."""


async def page_of(
    context: Context, session_ids: Sequence[str], query: ApprovalQuery
) -> ApprovalList:
    """Return the page of these sessions' approvals that was asked for."""
    chosen = Chosen(session_ids, query.state, context.clock())
    unrecorded = await _unrecorded(context, chosen)
    async with context.engine.connect() as connection:
        repository = ApprovalRepository(connection)
        total = await repository.count(chosen) + len(unrecorded)
        # As many of the unrecorded may come before what is read: they are merged in here.
        start = max(query.offset - len(unrecorded), 0)
        skipped = query.offset - start
        recorded = await repository.keys(chosen, limit=skipped + query.limit, offset=start)
        keys = _newest_first(recorded, unrecorded)[skipped : skipped + query.limit]
        rows = await _fitting(repository, keys, unrecorded)
    return ApprovalList(
        approvals=[view(row, chosen.moment) for row in rows],
        has_more=query.offset + len(rows) < total,
        **query.of(total),
    )


async def asked_now(context: Context, session_ids: Sequence[str]) -> list[ApprovalRow]:
    """Return what the sessions ask at this moment, by their own word."""
    live = await read_live(context.pipelined, session_ids) or {}
    return [
        ApprovalRow.of(session_id, request)
        for session_id, facts in live.items()
        if facts.state is not None
        for request in facts.state.pending_approvals[:_MOST_ASKED]
    ]


async def _unrecorded(context: Context, chosen: Chosen) -> Mapping[ApprovalKey, ApprovalRow]:
    """Return what is asked and not in the database yet; usually nothing is."""
    found: dict[ApprovalKey, ApprovalRow] = {}
    for session_ids in _parts(chosen.session_ids, _SESSIONS_AT_ONCE):
        asked: dict[str, list[ApprovalRow]] = {}
        for row in await asked_now(context, session_ids):
            if chosen.state in {None, state_of(row, chosen.moment)}:
                asked.setdefault(row.session_id, []).append(row)
        if asked:
            async with context.engine.connect() as connection:
                repository = ApprovalRepository(connection)
                for session_id, rows in asked.items():
                    known = await repository.known(session_id, [row.id for row in rows])
                    found |= {row.key: row for row in rows if row.id not in known}
    return found


async def _fitting(
    repository: ApprovalRepository,
    keys: Sequence[ApprovalKey],
    unrecorded: Mapping[ApprovalKey, ApprovalRow],
) -> list[ApprovalRow]:
    """Return these approvals, from the first on, as many as an answer may hold."""
    fitting: list[ApprovalRow] = []
    size = 0
    for some in _parts(keys, _ROWS_AT_ONCE):
        recorded = await repository.rows([key for key in some if key not in unrecorded])
        rows = {**unrecorded, **{row.key: row for row in recorded}}
        for row in (rows[key] for key in some if key in rows):
            size += row.size
            if fitting and size > _MOST_CHARACTERS:
                return fitting
            fitting.append(row)
    return fitting


def _newest_first(
    recorded: Sequence[ApprovalKey], unrecorded: Mapping[ApprovalKey, ApprovalRow]
) -> list[ApprovalKey]:
    both = dict.fromkeys([*recorded, *unrecorded])  # one may have been recorded meanwhile
    return sorted(both, key=lambda key: key.requested_at, reverse=True)


def _parts(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
