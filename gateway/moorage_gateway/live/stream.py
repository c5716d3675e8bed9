"""Reads sessions' streams: where a client goes on, and page by page what it missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from moorage_api.events import FIELD
from moorage_api.keys import SessionKeys
from moorage_gateway.live.ids import NONE, EventId
from moorage_gateway.live.items import GapReason, Item, decode_item, gap_item
from moorage_gateway.live.resume import StreamFacts, Verdict, decide, decide_from_time

FIRST_PAGE: Final = 32
LARGEST_PAGE: Final = 512
_SMALL_PAGE_BYTES: Final = 256 * 1024

_SENTENCES: Final[dict[GapReason, str]] = {
    "trimmed": "Older events are no longer held; history has what was finished.",
    "lost": "The event store lost events; history has what was finished.",
}


class PageMissing(LookupError):  # noqa: N818 - read as a sentence
    """What must follow the last page was trimmed or lost: decide anew how to go on."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """How a client goes on: with a gap, if something is missing, and then after ``position``."""

    position: EventId
    gap: Item | None
    items: Sequence[Item]
    # The entry that the next page must begin with for nothing to be missing between.
    anchor: EventId | None
    tail: EventId


class StreamReader:
    """Reads the streams of sessions with short commands, on connections of a pool."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def tail(self, session_id: str) -> EventId:
        """Return the last id that the stream ever gave."""
        facts = (await self._facts([session_id], [NONE], count=1))[0][0]
        return NONE if facts is None else facts.last

    async def resume(
        self, session_id: str, after: EventId, *, exact: bool = True, count: int = FIRST_PAGE
    ) -> Resumption:
        """Return how a client goes on after an event (or, not exact, after a moment)."""
        found = await self._facts([session_id], [after], count)
        return _resumption(session_id, after, *found[0], exact=exact)

    async def resume_all(self, positions: Sequence[tuple[str, EventId]]) -> list[Resumption]:
        """Return, for many sessions in one round trip, how a reader of each goes on."""
        found = await self._facts([p[0] for p in positions], [p[1] for p in positions], count=1)
        return [
            _resumption(session_id, after, *what, exact=True)
            for (session_id, after), what in zip(positions, found, strict=True)
        ]

    async def entries_all(
        self, positions: Sequence[tuple[str, EventId]], count: int
    ) -> list[tuple[Verdict, list[Any]]]:
        """Return, for many sessions, how a reader of each goes on, and its next entries, raw."""
        found = await self._facts([p[0] for p in positions], [p[1] for p in positions], count)
        verdicts = [
            decide(after, facts) for (_, after), (facts, _) in zip(positions, found, strict=True)
        ]
        return [
            (verdict, [entry for entry in entries if EventId.of(entry[0]) > verdict.position])
            for verdict, (_, entries) in zip(verdicts, found, strict=True)
        ]

    async def page(
        self, session_id: str, after: EventId, anchor: EventId | None, count: int
    ) -> list[Item]:
        """Return the next events after ``after``.

        Raises:
            PageMissing: if the entry ``anchor`` is not held any more.
        """
        start = anchor.raw if anchor else b"(" + after.raw
        key = SessionKeys(session_id).events
        entries: Any = await self._redis.xrange(key, min=start, count=count + 1)
        if anchor and (not entries or EventId.of(entries[0][0]) != anchor):
            raise PageMissing(session_id)
        above = [entry for entry in entries if EventId.of(entry[0]) > after]
        return _decoded(session_id, above)

    async def _facts(
        self, sessions: Sequence[str], positions: Sequence[EventId], count: int
    ) -> list[tuple[StreamFacts | None, list[Any]]]:
        """Return facts and entries, each session's of one moment.

        The entries are those after its position, or all from the first on if it lies above them.
        """
        pipe = self._redis.pipeline(transaction=True)
        for session_id, position in zip(sessions, positions, strict=True):
            key, after = SessionKeys(session_id).events, max(position, NONE).raw
            pipe.execute_command("XINFO", "STREAM", key)
            pipe.xrange(key, min=after, max=after, count=1)
            pipe.xrange(key, min=b"(" + after, count=count)
        replies = await pipe.execute(raise_on_error=False)
        return [_read(*replies[at : at + 3]) for at in range(0, len(replies), 3)]


def next_count(count: int, items: Sequence[Item]) -> int:
    """Return how many events to ask for next: more while they are small."""
    size = sum(len(item.frame) for item in items)
    return min(count * 2, LARGEST_PAGE) if size < _SMALL_PAGE_BYTES else FIRST_PAGE


def _read(info: Any, held: Any, entries: Any) -> tuple[StreamFacts | None, list[Any]]:
    """Return what three replies say. A key that is no stream counts as none."""
    if isinstance(info, ResponseError):
        return None, []
    for reply in (info, held, entries):
        if isinstance(reply, Exception):
            raise reply
    fields = info if isinstance(info, dict) else dict(zip(info[::2], info[1::2], strict=True))
    first = fields[b"first-entry"]
    return StreamFacts(
        first=EventId.of(first[0]) if first else None,
        last=EventId.of(fields[b"last-generated-id"]),
        length=fields[b"length"],
        added=fields.get(b"entries-added"),
        next=EventId.of(entries[0][0]) if entries else None,
        held=bool(held),
    ), entries or _first_entry(first)


def _first_entry(first: Any) -> list[Any]:
    """Return the first entry as XRANGE would: it follows a position that lies above the stream."""
    return [(first[0], dict(zip(first[1][::2], first[1][1::2], strict=True)))] if first else []


def _resumption(
    session_id: str, after: EventId, facts: StreamFacts | None, entries: list[Any], *, exact: bool
) -> Resumption:
    verdict = (decide if exact else decide_from_time)(after, facts)
    above = [entry for entry in entries if EventId.of(entry[0]) > verdict.position]
    items = _decoded(session_id, above)
    return Resumption(
        position=verdict.position,
        gap=_gap(session_id, verdict, items),
        items=items,
        anchor=_anchor(verdict, facts, items),
        tail=facts.last if facts else NONE,
    )


def _gap(session_id: str, verdict: Verdict, items: Sequence[Item]) -> Item | None:
    """Return the gap to show, if any: none where the runner's own follows at once."""
    if verdict.missing is None or (items and items[0].says_lost):
        return None
    reason = verdict.missing
    return gap_item(session_id, verdict.position, reason, _SENTENCES[reason])


def _anchor(verdict: Verdict, facts: StreamFacts | None, items: Sequence[Item]) -> EventId | None:
    if items:
        return items[-1].id
    if facts is None:
        return None
    if facts.held and verdict.missing is None:
        return verdict.position
    if facts.first is not None and facts.first.before == verdict.position:
        return facts.first
    return None


def _decoded(session_id: str, entries: Sequence[Any]) -> list[Item]:
    return [
        decode_item(session_id, entry_id, (fields or {}).get(FIELD)) for entry_id, fields in entries
    ]
