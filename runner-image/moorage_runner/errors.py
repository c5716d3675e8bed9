"""What can end a runner, each with the reason and the exit code it is told with.

RunnerError
├── SettingsInvalidError     variables or spec are wrong: SpecInvalid, exit 1
├── RepositoryError          the clone failed: its own reason, exit 1
├── ClaudeNotStartedError    Claude Code does not start: ClaudeNotStarted, exit 1
├── ClaudeEndedError         it ended by itself again and again: ClaudeEnded, exit 1
├── AgentEndedError          the pod's agent does not come, or went: AgentEnded, exit 1
├── BatchFailedError         a batch session's prompt was given up: the reason of that, exit 1
└── RedisUnreachableError    no Redis at the start: exit 75, to be started again
"""

from pydantic import ValidationError

from moorage_api.reasons import ExitCode, Reason


class RunnerError(Exception):
    """The runner cannot go on. `message` is a sentence for people."""

    reason: Reason = Reason.RUNNER_FAILED
    exit_code: int = ExitCode.FAILED

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SettingsInvalidError(RunnerError):
    """Variables or spec are wrong."""

    reason = Reason.SPEC_INVALID

    def __init__(self, what: str, error: ValidationError | OSError | ValueError) -> None:
        super().__init__(f"{what} is not valid: {_mistakes(error)}")


class RepositoryError(RunnerError):
    """The repository could not be made ready."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ClaudeNotStartedError(RunnerError):
    """Claude Code does not start."""

    reason = Reason.CLAUDE_NOT_STARTED

    def __init__(self, cause: str, last_words: str) -> None:
        said = f" It said: {last_words}" if last_words else ""
        super().__init__(f"Claude Code did not start ({cause}).{said}")


class ClaudeEndedError(RunnerError):
    """Claude Code ended by itself, more often than it is started again."""

    reason = Reason.CLAUDE_ENDED

    def __init__(self, times: int, cause: str) -> None:
        super().__init__(f"Claude Code ended by itself {times} times in one turn ({cause}).")


class AgentEndedError(RunnerError):
    """The agent, which runs Claude Code and git in a pod, does not come or went away."""

    reason = Reason.AGENT_ENDED

    @classmethod
    def never_came(cls, seconds: float, cause: str) -> "AgentEndedError":
        """Return the error for an agent that was not there in time."""
        return cls(
            f"The agent container did not open its socket within {seconds:g} s ({cause}). If the "
            "session has an image of its own, it must be made FROM moorage-agent."
        )

    @classmethod
    def went_away(cls) -> "AgentEndedError":
        """Return the error for an agent that was there."""
        return cls("The agent container, which runs Claude Code, ended or broke its connection.")


class BatchFailedError(RunnerError):
    """The prompt of a batch session was given up."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RedisUnreachableError(RunnerError):
    """Redis does not answer at the start."""

    exit_code = ExitCode.AGAIN

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Redis did not answer within {seconds:g} s.")


def _mistakes(error: ValidationError | OSError | ValueError) -> str:
    """List what is wrong, without the values: they may be secrets."""
    if isinstance(error, ValidationError):
        details = error.errors(include_url=False, include_input=False)
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in details)
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)
