"""What a clone reports: progress on the way, then where it starts, or why there is none."""

from dataclasses import dataclass
from pathlib import Path

from moorage_api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a clone is."""

    repository: str
    """Its folder in the workspace: `repo`, or `extra/PATH`."""
    stage: str
    """What git does, in its words: Receiving objects, Resolving deltas, Updating files."""
    percent: int | None = None
    """0 to 100 within the stage; None where git does not say."""
    waits: bool = False
    """Whether nothing is done until the next try: the stage says why, in our words."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A workspace whose clones are finished."""

    start_commit: str | None
    """Commit that the session started from; None if the repository has none yet."""
    additional: tuple[Path, ...] = ()
    """Folders of the additional repositories, for Claude's `add_dirs`."""
    found: bool = False
    """True: the clone was there already (a resume, a restart) and was left as it is."""


class CloneError(Exception):
    """A repository could not be made ready. `message` is a sentence that says what to do.

    `passing` is what git said where the network failed, which may be back soon; else empty.
    """

    def __init__(self, reason: Reason, message: str, passing: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.passing = passing
