"""What the backend has seen of a session's process: the one input of decisions beside the spec."""

from dataclasses import dataclass
from datetime import datetime

from pydantic_core import from_json

from moorage_api.reasons import ExitCode, Reason
from moorage_api.state import SessionState

_MAX_MESSAGE = 4096


@dataclass(frozen=True, slots=True)
class Ending:
    """How a runner ended, and what it said of it."""

    code: int
    reason: Reason = Reason.RUNNER_FAILED
    message: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """A session's process and live state, as they are now."""

    running: bool = False
    stopping: bool = False
    """Whether it was told to stop; holds until its end was dealt with."""
    hung: bool = False
    """Whether that was because it gave no sign of life."""
    since: datetime | None = None
    """When the process was started, or handed to the session."""
    ended: Ending | None = None
    """How the last process ended; None once that was dealt with."""
    retry_at: datetime | None = None
    state: SessionState | None = None
    """What the runner says, of its present process only."""
    silent_seconds: float = 0.0
    """For how long no sign of life came although one could have come."""
    inputs_waiting: bool = False
    """Whether an input is queued, unread or not even sent yet."""
    place: int = 0
    """0: it may start now; n: it is the n-th to wait for a place."""
    chance: float = 1.0
    """Between 0 and 1: the jitter of a retry that is decided now."""


def ending(code: int, termination: str, state: SessionState | None) -> Ending:
    """Return how a runner ended, by its termination message or else its state's last words.

    The message is JSON with ``reason`` and ``message``, or plain text. Both are claims of the
    runner: a reason that is none of ours counts as RunnerFailed.
    """
    reason, message = _parsed(termination)
    if not message and code not in {ExitCode.COMPLETE, ExitCode.AGAIN} and state is not None:
        reason, message = state.reason or reason, state.message or ""
    if not message:
        message = f"The runner ended with code {code}{_signal(code)}."
    known = Reason(reason) if reason in set(Reason) else Reason.RUNNER_FAILED
    return Ending(code, known, message[:_MAX_MESSAGE])


def _parsed(termination: str) -> tuple[str | None, str]:
    text = termination.strip()
    try:
        body = from_json(text)
    except ValueError:
        return None, text
    if not isinstance(body, dict):
        return None, text
    reason, message = body.get("reason"), body.get("message")
    return (reason if isinstance(reason, str) else None), str(message or "")


def _signal(code: int) -> str:
    killed, terminated = 137, 143
    names = {killed: " (killed, perhaps for want of memory)", terminated: " (told to stop)"}
    return names.get(code, "")
