"""Decides how a client that comes back with an event id goes on. Pure: no clock, no I/O.

The rule. Redis drops a stream's oldest entries first, so whatever follows an entry that is still
held is held too. With ``after`` the client's last id, ``first`` the first entry held, ``next`` the
first one above ``after`` and ``last`` the last id ever given:

1. ``after`` is held, or is ``last``, or ``next`` is its direct successor: nothing is missing.
2. The stream does not exist, or ``after`` > ``last``: Redis lost its data. `lost`, and then what
   there is from the start.
3. ``after`` < ``first``: what followed it was trimmed. `trimmed`, and then from ``first`` on.
   Redis 7 also tells how many entries were ever added: where nothing was ever dropped, the stream
   is another one than the client's: `lost`.
4. ``first`` < ``after`` < ``last`` and ``after`` is not held: Redis came back with an older state
   and was written to since. `lost`, and then from ``next`` on.

Only one doubt remains, on the safe side: if ``after`` was the very last entry that was trimmed,
nothing is missing and rule 3 still says so. The id of a gap lies directly below the entry that
follows it, so that a client which comes back with that id is in rule 1 and sees no second gap.
"""

from dataclasses import dataclass

from moorage_api.keys import EVENTS_MAXLEN
from moorage_gateway.live.ids import NONE, OLDEST, EventId
from moorage_gateway.live.items import GapReason


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What Redis says of a stream at one moment, as seen from ``after``."""

    first: EventId | None
    last: EventId
    length: int
    # How many entries were ever added; None before Redis 7.
    added: int | None
    # The first entry above `after`, and whether the one at `after` is held.
    next: EventId | None
    held: bool

    @property
    def was_trimmed(self) -> bool:
        """Whether entries were dropped, as far as can be told."""
        return self.length >= EVENTS_MAXLEN if self.added is None else self.added > self.length


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where to go on (after ``position``), and why something is missing before that, if so."""

    position: EventId
    missing: GapReason | None = None


def decide(after: EventId, facts: StreamFacts | None) -> Verdict:
    """Return how a client goes on that has everything up to ``after``."""
    if after == OLDEST:
        return Verdict(NONE)
    if after == NONE:
        return _from_nothing(facts)
    if facts is None:
        return Verdict(NONE, "lost")
    if after > facts.last:
        return Verdict(_below(facts.first), "lost")
    return _within(after, facts)


def decide_from_time(after: EventId, facts: StreamFacts | None) -> Verdict:
    """Return how to go on from a moment rather than from an event: a gap only where trimmed."""
    if facts is None:
        return Verdict(NONE)
    if facts.first is not None and facts.first > after and facts.was_trimmed:
        return Verdict(facts.first.before, "trimmed")
    return Verdict(min(after, facts.last))


def _within(after: EventId, facts: StreamFacts) -> Verdict:
    if facts.held or after == facts.last:
        return Verdict(after)
    if facts.next is None:  # everything after it was deleted
        return Verdict(facts.last, "trimmed")
    if facts.next.before == after:
        return Verdict(after)
    if facts.next == facts.first and (facts.added is None or facts.was_trimmed):
        return Verdict(facts.next.before, "trimmed")
    return Verdict(facts.next.before, "lost")


def _from_nothing(facts: StreamFacts | None) -> Verdict:
    if facts is None or facts.first is None or not facts.was_trimmed:
        return Verdict(NONE)
    return Verdict(facts.first.before, "trimmed")


def _below(first: EventId | None) -> EventId:
    return NONE if first is None else first.before
