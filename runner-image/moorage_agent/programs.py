"""What may be run: Claude Code and git, each with the agent's own environment and what was asked.

Two more words read and delete what Claude Code wrote down (module transcript): its files are
readable for its own user alone. Everything else is refused.
"""

from collections.abc import Mapping
from pathlib import Path

from moorage_agent import processes, transcript
from moorage_agent.protocol import Request

_OURS = "MOORAGE_"
_GIT_CONFIG = str(Path(__file__).resolve().with_name("gitconfig"))


class RefusedError(Exception):
    """What was asked for is not run here. Its text is a sentence."""


class Programs:
    """The programs of one agent. `environment`: the agent's own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._claude = environment.get("MOORAGE_AGENT_CLAUDE", "claude")
        self._environment = {
            name: value for name, value in environment.items() if not name.startswith(_OURS)
        }

    def check(self, request: Request) -> None:
        """Check that a request may be run.

        Raises:
            RefusedError: It may not.
        """
        if request.program not in {"claude", "git", *transcript.WORDS}:
            text = f"{request.program[:32]!r} is not run here: claude and git alone are."
            raise RefusedError(text)
        if not Path(request.directory).is_absolute():
            text = "The folder to run in must be an absolute path."
            raise RefusedError(text)
        if any(name.startswith(_OURS) for name in request.environment):
            text = "Variables that begin with MOORAGE_ are not for commands."
            raise RefusedError(text)

    def run(self, request: Request) -> int:
        """Do in this process, which has the command's streams, what was asked for.

        Returns:
            The exit code, where this process does not become the program.
        """
        environment = {**self._environment, **request.environment, "PWD": request.directory}
        if request.program in transcript.WORDS:
            return transcript.run(request.program, request.arguments, environment)
        path = self._claude
        if request.program == "git":
            path = "git"
            environment["GIT_CONFIG_GLOBAL"] = _GIT_CONFIG
        return processes.become(path, request.arguments, environment, request.directory)
