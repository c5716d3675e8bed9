"""One turn: a prompt, what was sent for it, and how it stands."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic

from moorage_api.resources import Usage
from moorage_runner.prompt_queue import Job
from moorage_runner.retry import GiveUp
from moorage_runner.translate import TurnResult


@dataclass(slots=True)
class Turn:
    """A turn that is worked on."""

    job: Job
    usage: Usage = field(default_factory=Usage)
    message_ids: set[str] = field(default_factory=set)
    """Ids of the messages sent for it: prompt and nudges."""
    began: float = field(default_factory=monotonic)
    started: bool = False
    """Claude Code said that it works on one of the messages."""
    result: asyncio.Future[TurnResult] | None = None
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the turn is to end: interrupted by somebody, or suspended."""
    suspended: bool = False
    """It goes on after the next start."""
    abandoned: bool = False
    """Suspended while it waits for a person: Claude Code is not told, it would read it as a no."""
    interrupts: list[str] = field(default_factory=list)
    """Inbox entries of the interrupts, settled with the turn."""
    limit_ends: float | None = None
    """When the rate limit that was hit ends (Unix seconds)."""
    last_wait: float = 0.0
    """How long the CLI waited before its last try (seconds)."""

    @property
    def id(self) -> str:
        """The turn's id."""
        return self.job.turn_id

    def expects(self, result: TurnResult) -> bool:
        """Whether a result is this turn's, and not that of something Claude Code did by itself."""
        if result.prompts:
            return bool(result.prompts & self.message_ids)
        return self.started

    def duration_ms(self) -> int:
        """Return how long it takes by now."""
        return int((monotonic() - self.began) * 1000)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a turn ended. `given_up`: why it failed for good."""

    result: TurnResult
    given_up: GiveUp | None = None


def interrupted() -> Conclusion:
    """Return the end of a turn that somebody ended before Claude Code could say so."""
    return Conclusion(TurnResult("interrupted", "aborted", None, None, "", Usage(), 0, frozenset()))


def completed() -> Conclusion:
    """Return the end of a turn whose answer was found whole in the transcript."""
    return Conclusion(TurnResult("completed", "found", None, None, "", Usage(), 0, frozenset()))
