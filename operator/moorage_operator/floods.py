"""Keeps one session from filling Redis: measures what each keeps there, and cuts off who floods.

A runner's login may be in the wrong hands, and how much it writes is its own choice. So Redis is
asked, once a second, how much it holds in all, which costs nothing. Only when that has grown by
half of what one session may keep is every session's share measured, exactly (record 0074). Who has
more loses its user at once, and what it wrote; its session fails.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from moorage_api.keys import EVENTS_MAXLEN, INBOX_GROUP, SessionKeys
from moorage_api.kube.errors import UnavailableError
from moorage_api.redis_client import FAILURES
from moorage_api.state import MAX_STATE_BYTES
from moorage_operator.redis_users import RedisUsers
from moorage_operator.store import Store

_log = structlog.get_logger(__name__)

_EVERY: Final = 60.0
"""Seconds after which is measured anyway: one may grow while others shrink."""

_SHARE: Final = 10
"""Measuring takes at most one part in so many of the time."""

_PAGE: Final = 500
_PATTERN: Final = "moorage:{*}:*"
_WRITTEN: Final = frozenset({"events", "state", "inbox", "dead"})
"""What a runner can make grow; the inbox too, by groups and consumers."""

_STREAMS: Final = frozenset({"events", "inbox", "dead"})
_BEFORE_SELECTORS: Final = "rpc"
_REPLY: Final = "reply"
_MOST_REPLIES: Final = 1_000
_SAMPLES: Final = 2 * EVENTS_MAXLEN
"""So many nodes of a stream are looked at. One with more entries than that is over in any case, so
nothing hides behind small ones."""


@dataclass(slots=True)
class _Share:
    """What a session keeps in Redis, as far as it was measured."""

    kept: int = 0
    replies: int = 0
    events: int = 0
    inbox: int = 0
    names: set[bytes] = field(default_factory=set)
    reply_names: set[bytes] = field(default_factory=set)
    overlong: bool = False
    """Whether one of its keys is such as no honest runner makes it."""
    flooding: bool = False


class Floods:
    """Looks for sessions that keep more than ``limit`` bytes."""

    def __init__(
        self,
        redis: Redis,
        store: Store,
        users: RedisUsers,
        limit: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._store = store
        self._users = users
        self._limit = limit
        self._clock = clock
        self._least: int | None = None
        """What Redis held at the last measurement, or less since; None: measure now."""
        self._measured_at = self._not_before = clock()

    async def look(self) -> set[str]:
        """Measure if there is reason to; return the sessions that were cut off.

        Raises:
            UnavailableError: Redis does not answer.
        """
        try:
            held = int((await self._redis.memory_stats()).get("dataset.bytes", 0))
            if not self._is_due(held):
                return set()
            self._measured_at, self._least = self._clock(), held
            flooding = await self._measure()
        except FAILURES as error:
            said = str(error) if isinstance(error, ResponseError) else type(error).__name__
            raise UnavailableError(cause=f"Redis: {said}") from error
        took = self._clock() - self._measured_at
        self._not_before = self._clock() + took * (_SHARE - 1)
        if flooding:
            self._least = None  # what was written behind the measurement's back is found by another
        return flooding

    def _is_due(self, held: int) -> bool:
        now = self._clock()
        if self._least is not None:
            self._least = min(self._least, held)
            grown = held - self._least >= self._limit // 2
            if not grown and now - self._measured_at < _EVERY:
                return False
        return now >= self._not_before

    async def _measure(self) -> set[str]:
        """Go through all keys once."""
        await self._users.look()
        shares: dict[str, _Share] = {}
        async for names in self._pages():
            for uid in await self._add(shares, names):
                share = shares[uid]
                if self._floods(share):
                    share.flooding = True
                    await self._cut_off(uid, share)
        for uid, share in shares.items():
            if not share.flooding:
                await self._tidy(uid, share)
        return {uid for uid, share in shares.items() if share.flooding and self._store.get(uid)}

    async def _pages(self) -> AsyncIterator[list[bytes]]:
        """Yield the names of all keys of sessions; one may come twice."""
        cursor = 0
        while True:
            found: Any = await self._redis.scan(cursor, match=_PATTERN, count=_PAGE)
            cursor, names = found
            yield names
            if cursor == 0:
                return

    async def _add(self, shares: dict[str, _Share], names: Sequence[bytes]) -> set[str]:
        """Measure these keys; delete what one that is cut off still has.

        Returns the sessions whose shares may be larger now.
        """
        wanted, gone, measured = list[tuple[_Share, str, bytes]](), list[bytes](), set[str]()
        for name in set(names):
            uid, kind = _parts(name)
            if not self._is_written(kind) or not self._concerns(uid):
                continue
            share = shares.setdefault(uid, _Share())
            if share.flooding:
                gone.append(name)
            elif name not in share.names and name not in share.reply_names:
                wanted.append((share, kind, name))
                measured.add(uid)
        if gone:
            await self._redis.unlink(*gone)
        pipe = self._redis.pipeline(transaction=False)
        for _, _, name in wanted:
            pipe.memory_usage(name, samples=_SAMPLES)
        sizes = await pipe.execute()
        for (share, kind, name), size in zip(wanted, sizes, strict=True):
            _count(share, kind, name, size or 0)
        await self._add_lengths([each for each in wanted if each[1] in _STREAMS])
        return measured

    async def _add_lengths(self, streams: Sequence[tuple[_Share, str, bytes]]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for _, _, name in streams:
            pipe.xlen(name)
        lengths = await pipe.execute(raise_on_error=False)
        for (share, _, _), length in zip(streams, lengths, strict=True):
            # One that is no stream was made so by no runner of ours.
            share.overlong |= not isinstance(length, int) or length > _SAMPLES
        await self._add_groups([each for each in streams if self._may_have_groups(each[1])])

    async def _add_groups(self, streams: Sequence[tuple[_Share, str, bytes]]) -> None:
        """Look for more groups than the runner's one: Redis does not count their names."""
        pipe = self._redis.pipeline(transaction=False)
        for _, _, name in streams:
            pipe.xinfo_stream(name)
        found = await pipe.execute(raise_on_error=False)
        for (share, _, _), facts in zip(streams, found, strict=True):
            share.overlong |= isinstance(facts, dict) and facts["groups"] > 1

    def _may_have_groups(self, kind: str) -> bool:
        return kind == "inbox" or not self._users.selectors

    def _is_written(self, kind: str) -> bool:
        if kind == _BEFORE_SELECTORS:
            return not self._users.selectors
        return kind in _WRITTEN or kind == _REPLY

    def _concerns(self, uid: str) -> bool:
        """Whether it is a session of this installation, or one that nobody has any more."""
        own = uid in self._users.known or self._store.get(uid) is not None
        return own or uid not in self._users.anybodys

    def _floods(self, share: _Share) -> bool:
        most = max(share.kept, share.replies)
        return most > self._limit or len(share.reply_names) > _MOST_REPLIES or share.overlong

    async def _cut_off(self, uid: str, share: _Share) -> None:
        """Take its user away, then what it wrote: in this order, it writes nothing more."""
        _log.warning("session floods Redis", session=uid, bytes=share.kept + share.replies)
        record = self._store.get(uid)
        if record is not None:
            record.flooded = True
        await self._users.revoke(uid)
        await self._redis.unlink(*share.names, *share.reply_names)

    async def _tidy(self, uid: str, share: _Share) -> None:
        """Cut streams of an honest session that are large; delete replies that nobody fetches."""
        if uid not in self._users.known and share.reply_names:
            await self._redis.unlink(*share.reply_names)
        if share.events > self._limit // 2:
            await self._cut_events(uid, share.events)
        if share.inbox > self._limit // 4:
            await self._cut_inbox(uid)

    async def _cut_events(self, uid: str, size: int) -> None:
        """Keep the newest: about a quarter of what a session may keep."""
        key = SessionKeys(uid).events
        left = await self._redis.xlen(key) * self._limit // (4 * size)
        await self._redis.xtrim(key, maxlen=left, approximate=False)
        _log.info("events cut", session=uid, bytes=size, left=left)

    async def _cut_inbox(self, uid: str) -> None:
        """Remove inputs that the runner has dealt with."""
        key = SessionKeys(uid).inbox
        groups: Any = await self._redis.xinfo_groups(key)
        own = next((each for each in groups if each["name"] == INBOX_GROUP.encode()), None)
        if own is None:
            return
        pending: Any = await self._redis.xpending(key, INBOX_GROUP)
        first = pending["min"] or own["last-delivered-id"]
        await self._redis.xtrim(key, minid=first, approximate=False)


def _parts(name: bytes) -> tuple[str, str]:
    """Return whose key it is, and which."""
    uid, _, kind = name.decode(errors="replace").partition("{")[2].partition("}:")
    return uid, _REPLY if kind.startswith(f"{_REPLY}:") else kind


def _count(share: _Share, kind: str, name: bytes, size: int) -> None:
    if kind == _REPLY:
        share.replies += size
        share.reply_names.add(name)
        return
    share.kept += size
    share.names.add(name)
    if kind == "events":
        share.events = size
    elif kind == "inbox":
        share.inbox = size
    elif kind == "state":
        share.overlong |= size > 2 * MAX_STATE_BYTES
