"""Whether a turn that failed is tried again, and when. Pure: moment and chance are passed in.

Exponential backoff with full jitter: before try n a time between 0 and first * 2**(n-1), at most
`longest`, and not less than the CLI was told to wait before its last try; where the moment is known
at which a rate limit ends, that moment and a little more.
"""

from collections.abc import Callable
from dataclasses import dataclass

from moorage_api.reasons import Reason
from moorage_runner.translate import TurnResult

_PAYMENT_REQUIRED = 402
_TOO_MANY = 429
_PASSING_STATUS = frozenset({408, 409, 425, _TOO_MANY})
_SERVER_ERROR = 500
_PASSING_CAUSES = ("connection", "timeout", "overloaded", "rate_limit", "server_error", "unknown")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient the runner is, in seconds. The CLI's own few tries come before each of these."""

    limit: int = 5
    first: float = 2.0
    longest: float = 120.0
    longest_known: float = 6 * 3600.0
    """The longest wait for a rate limit whose end is known."""
    redis_at_start: float = 60.0
    """How long Redis may be away when a runner starts."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was said, while it was tried, of when to try again; in seconds from now."""

    limit_ends: float | None = None
    """When the rate limit that was hit ends; None: not known."""
    last_wait: float = 0.0
    """How long the CLI waited before its last try: a retry-after is in it. 0: it tried once."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after this many seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again."""

    reason: str
    message: str

    @property
    def code(self) -> str:
        """The reason as error events write it."""
        return self.reason.name if isinstance(self.reason, Reason) else self.reason


def decide(
    result: TurnResult,
    tries: int,
    policy: RetryPolicy,
    told: Told = Told(),
    draw: Callable[[float, float], float] = lambda low, high: (low + high) / 2,
) -> Again | GiveUp:
    """Decide what follows a failure. `tries`: how often it was tried again already."""
    if (spent := _spent(result)) is not None:
        return spent
    if not is_passing(result):
        return GiveUp(_code(result), _permanent(result))
    if tries >= policy.limit:
        message = f"Given up after {tries + 1} tries: {result.message}"
        return GiveUp(Reason.RETRIES_EXHAUSTED, message)
    if told.limit_ends is not None:
        if told.limit_ends > policy.longest_known:
            hours = told.limit_ends / 3600
            message = f"The rate limit ends only in {hours:.0f} hours; send the prompt again then."
            return GiveUp(Reason.RETRIES_EXHAUSTED, message)
        return Again(max(0.0, told.limit_ends) + draw(0.0, policy.first))
    return Again(_delay(result, tries, policy, told, draw))


def _spent(result: TurnResult) -> GiveUp | None:
    """Return what follows where the money ended: here, or as the credential proxy says."""
    if result.reason == "budget_exhausted":
        return GiveUp(Reason.BUDGET_EXCEEDED, "The session's budget is used up.")
    if result.status == _PAYMENT_REQUIRED:
        return GiveUp(Reason.BUDGET_EXCEEDED, result.message or "A budget is used up.")
    return None


def is_passing(result: TurnResult) -> bool:
    """Whether the failure may be gone the next time."""
    if result.reason != "api_error":
        return False
    if result.status is not None:
        return result.status in _PASSING_STATUS or result.status >= _SERVER_ERROR
    return bool(result.cause) and str(result.cause).startswith(_PASSING_CAUSES)


def _delay(
    result: TurnResult,
    tries: int,
    policy: RetryPolicy,
    told: Told,
    draw: Callable[[float, float], float],
) -> float:
    if result.status == _TOO_MANY and not told.last_wait:
        # The CLI did not try again: what it was told to wait is more than it has patience for.
        return draw(policy.longest / 2, policy.longest)
    return max(told.last_wait, draw(0.0, min(policy.longest, policy.first * 2**tries)))


_SENTENCES = {
    401: "The model refused the session's credentials (401). Ask whoever runs Moorage.",
    403: "The session may not use this model (403). Choose another model, or ask for access.",
    404: "The model is not known (404). Choose another one.",
    413: "The request is too large for the model (413). Start a new session, or compact this one.",
}


def _permanent(result: TurnResult) -> str:
    sentence = _SENTENCES.get(result.status or 0)
    return sentence or result.message or f"The turn failed ({result.reason})."


def _code(result: TurnResult) -> str:
    if result.status is not None:
        return f"MODEL_{result.status}"
    return (result.reason or "failed").upper()
