"""The workspace: the folder (in a pod the volume) that holds all that a session keeps.

- root/repo: the clone, Claude's working directory, and all that file operations reach
- root/extra/PATH: additional repositories. Beside the first and not in it, so that its `git status`
  stays clean and no path can collide; Claude gets them as further folders
- root/home: HOME of Claude Code and of its tools
- root/.moorage: what the runner itself remembers (which clones are finished)
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Workspace:
    """A session's workspace at `root`."""

    root: Path

    @property
    def repo(self) -> Path:
        """The clone. Missing until it is finished, so a folder here can be relied upon."""
        return self.root / "repo"

    @property
    def extra(self) -> Path:
        """Additional repositories, each under its own path."""
        return self.root / "extra"

    @property
    def home(self) -> Path:
        """HOME of Claude Code and its tools."""
        return self.root / "home"

    @property
    def records(self) -> Path:
        """The runner's own records."""
        return self.root / ".moorage"

    def create(self) -> None:
        """Create the folders that are missing; `repo` appears with the finished clone only.

        Raises:
            OSError: The workspace cannot be written.
        """
        for folder in (self.root, self.home, self.records):
            folder.mkdir(parents=True, exist_ok=True)
