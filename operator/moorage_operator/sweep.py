"""Looks through Redis now and then, for all sessions at once: what no watch would ever tell.

Cheap for those of whom there is nothing new: their state is compared as bytes, not read.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from moorage_api.grant import Grant
from moorage_api.kube.errors import UnavailableError
from moorage_api.live import LiveStates
from moorage_api.resources import Phase, TemplateSpec, resolve
from moorage_operator.build import Subject
from moorage_operator.checks.pods import SILENT_LIMIT
from moorage_operator.grants import Grants, Mark, grant_of
from moorage_operator.redis_users import RedisUsers
from moorage_operator.signs import Signs, remember
from moorage_operator.store import Record, Store

_AT_ONCE: Final = 500
"""How many sessions are asked about in one round trip."""

_COARSE: Final = 10
"""Beyond this place, a place in line is told only to a tenth."""


class Sweep:
    """One look through Redis; ``look_at`` is told which sessions need a look of their own."""

    def __init__(
        self,
        store: Store,
        states: LiveStates,
        users: RedisUsers,
        grants: Grants,
        signs: Signs,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._states = states
        self._users = users
        self._grants = grants
        self._signs = signs
        self._clock = clock

    async def run(self, look_at: Callable[[str], None]) -> None:
        """Go through everything once.

        Raises:
            UnavailableError: Redis does not answer.
        """
        was_away = self._signs.reachable_since is None
        try:
            await self._users.look()
            self._signs.answered()
            await self._remove_orphans()
            await self._renew_grants()
            for uid in await self._changed(every=was_away):
                look_at(uid)
        except UnavailableError:
            self._signs.failed()
            raise

    async def _remove_orphans(self) -> None:
        """Remove users whose session went while nobody looked, and let their keys expire."""
        for uid in [each for each in self._users.known if self._store.get(each) is None]:
            await self._users.revoke(uid)

    async def _renew_grants(self) -> None:
        """Renew what sessions with a pod may do at the proxy; what is lost is granted anew."""
        known = self._users.known
        running = [each for each in self._store if each.pod is not None and each.uid in known]
        for some in _chunks(running):
            marks = {each.uid: (each, self._mark(each)) for each in some}
            wanted = {
                uid: (mark, self._grant(record))
                for uid, (record, mark) in marks.items()
                if self._grants.due(uid, mark)
            }
            if wanted:
                known -= await self._grants.renew(wanted)

    def _mark(self, record: Record) -> Mark:
        return record.session.metadata.generation, self._template(record)

    def _template(self, record: Record) -> TemplateSpec | None:
        reference = record.session.spec.template_ref
        return self._store.template(record.key[0], reference.name) if reference else None

    def _grant(self, record: Record) -> Grant | None:
        """Return what a session may do; None where its spec is none at the moment."""
        template = self._template(record)
        if record.invalid or (record.session.spec.template_ref and template is None):
            return None
        try:
            return grant_of(Subject(record.session, resolve(record.session.spec, template)))
        except ValidationError:
            return None

    async def _changed(self, *, every: bool) -> list[str]:
        """Return those that need a look; every one, where Redis was away."""
        records = [each for each in self._store if not each.session.status.phase.finished]
        if every:
            return [each.uid for each in records]
        found = [each.uid for each in records if self._lacks_user(each)]
        found += await self._with_news([each for each in records if each.pod is not None])
        return found + await self._with_inputs([each for each in records if _rests(each)])

    def _lacks_user(self, record: Record) -> bool:
        return record.pod is not None and record.uid not in self._users.known

    async def _with_news(self, records: list[Record]) -> list[str]:
        """Return those whose runner said something new, or says nothing any more."""
        found = list[str]()
        for some in _chunks(records):
            signs = await self._states.read([each.uid for each in some])
            if signs is None:
                raise UnavailableError(cause="Redis")
            latest = self._clock() - SILENT_LIMIT
            for record in some:
                sign = signs[record.uid]
                if sign.raw != record.heard:
                    found.append(record.uid)
                    continue
                remember(record, sign)
                if record.heartbeat is not None and record.heartbeat <= latest:
                    found.append(record.uid)
        return found

    async def _with_inputs(self, records: list[Record]) -> list[str]:
        """Return those that rest although inputs wait for them."""
        found = set[str]()
        for some in _chunks(records):
            waiting = await self._states.inboxes_waiting([each.uid for each in some])
            if waiting is None:
                raise UnavailableError(cause="Redis")
            found |= waiting
        return sorted(found)


def _rests(record: Record) -> bool:
    return record.session.status.phase is Phase.SUSPENDED


def _chunks(records: list[Record]) -> Iterator[list[Record]]:
    for start in range(0, len(records), _AT_ONCE):
        yield records[start : start + _AT_ONCE]


def misplaced(records: Iterable[Record], number: Callable[[Record], int]) -> list[str]:
    """Return those whose status tells of another place in line than they have.

    Near the head of the line every step is told, further back only one that matters: else each
    place that gets free would rewrite the status of everyone who waits.
    """
    return [
        record.uid
        for record in records
        if (told := told_place(record)) is not None
        and abs(told - number(record)) > number(record) // _COARSE
    ]


def told_place(record: Record) -> int | None:
    """Return the place in line that the status tells of; None if it tells of none."""
    every = record.session.status.conditions
    message = next((each.message for each in every if each.type == "Admitted"), "")
    word = message.partition("number ")[2].partition(" ")[0]
    return int(word) if word.isdigit() else None
