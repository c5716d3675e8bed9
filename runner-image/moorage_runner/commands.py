"""Where a session's commands run: here, or, in a pod, in the agent's container by way of the shim.

Pure: it only says how a command is started. moorage_agent.shim describes the variables.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import moorage_agent
from moorage_agent.protocol import AGENT_USER

GIT_CONFIG: Final = Path(moorage_agent.__file__).with_name("gitconfig")
"""What git reads in place of the user's and the system's configuration."""

_SHIM: Final = (
    f"import sys; sys.path.insert(0, {str(Path(moorage_agent.__file__).parents[1])!r}); "
    "from moorage_agent.shim import main; main()"
)


@dataclass(frozen=True, slots=True)
class Launcher:
    """How commands are started: through the agent that listens at `socket`; None: as they are."""

    socket: Path | None = None
    user: int = AGENT_USER
    """The agent's user id: nobody else is talked to."""

    @property
    def patience(self) -> float:
        """Seconds from SIGTERM to SIGKILL for a command that is to end: the agent ends it all."""
        return 6.0 if self.socket else 0.0

    @property
    def folder(self) -> str | None:
        """Folder to start commands in; None: where this process is."""
        return "/" if self.socket else None

    def command(self, words: Sequence[str]) -> list[str]:
        """Return what to start for the command `words`."""
        if self.socket is None:
            return list(words)
        return [sys.executable, "-I", "-S", "-c", _SHIM, *words]

    def environment(
        self, variables: Mapping[str, str], kept: Collection[str] = ()
    ) -> dict[str, str]:
        """Return the environment for it; an agent learns the variables but for those in `kept`."""
        if self.socket is None:
            return dict(variables)
        told = (n for n in variables if n not in kept and not n.startswith("MOORAGE_"))
        return {
            **variables,
            "MOORAGE_AGENT_SOCKET": str(self.socket),
            "MOORAGE_AGENT_UID": str(self.user),
            "MOORAGE_AGENT_FORWARD": ",".join(told),
        }
