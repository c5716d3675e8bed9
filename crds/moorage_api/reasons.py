"""Reasons: the words that conditions, events, exit messages and docs share.

A reason is a CamelCase constant for programs; a sentence for people goes with it as a message.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a session is in its phase."""

    # Preparing the repository
    REPOSITORY_NOT_FOUND = "RepositoryNotFound"
    REPOSITORY_REFUSED = "RepositoryRefused"
    REF_NOT_FOUND = "RefNotFound"
    DISK_FULL = "DiskFull"
    CLONE_TIMEOUT = "CloneTimeout"
    CLONE_FAILED = "CloneFailed"
    # Running
    SPEC_INVALID = "SpecInvalid"
    CLAUDE_NOT_STARTED = "ClaudeNotStarted"
    CLAUDE_ENDED = "ClaudeEnded"
    AGENT_ENDED = "AgentEnded"
    RUNNER_FAILED = "RunnerFailed"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    BUDGET_EXCEEDED = "BudgetExceeded"
    START_TIMEOUT = "StartTimeout"
    LIFETIME_EXCEEDED = "LifetimeExceeded"
    # Well
    WAITING = "Waiting"
    STARTING = "Starting"
    RUNNING = "Running"
    IDLE = "Idle"
    REQUESTED = "Requested"
    COMPLETED = "Completed"


PERMANENT: frozenset[Reason] = frozenset(
    {
        Reason.REPOSITORY_NOT_FOUND,
        Reason.REPOSITORY_REFUSED,
        Reason.REF_NOT_FOUND,
        Reason.SPEC_INVALID,
        Reason.BUDGET_EXCEEDED,
        Reason.LIFETIME_EXCEEDED,
    }
)
"""What starting again cannot mend: the session fails at once, without retries."""


class ExitCode:
    """A runner's exit codes (Contract 4). Anything else is a failure."""

    COMPLETE = 0
    AGAIN = 75  # EX_TEMPFAIL of sysexits.h
    FAILED = 1
