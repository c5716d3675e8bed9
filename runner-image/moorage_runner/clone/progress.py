"""Reads the progress that git writes to its stderr and passes on a few reports a second."""

import re
import time
from collections.abc import Callable
from typing import Final

from moorage_runner.clone.results import Progress

INTERVAL: Final = 0.25
"""Seconds between two reports."""

_LONGEST_LINE: Final = 4096
_BREAK: Final = re.compile(rb"[\r\n]")
_STAGE: Final = re.compile(rb"(?:remote: )?([A-Z][A-Za-z ]{2,39}): +(\d{1,3})% \(")


def parse(line: bytes) -> tuple[str, int] | None:
    """Return a progress line's stage and percent; None if it is no progress line."""
    match = _STAGE.match(line)
    if match is None:
        return None
    return match[1].decode("ascii"), min(int(match[2]), 100)


class ProgressReader:
    """Turns git's stderr into reports on `repository`, at most one each INTERVAL."""

    def __init__(
        self,
        repository: str,
        report: Callable[[Progress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository = repository
        self._report = report
        self._clock = clock
        self._rest = b""
        self._due = float("-inf")
        self._latest: Progress | None = None

    def feed(self, chunk: bytes) -> None:
        """Take in what git wrote; report where it stands now, if a report is due."""
        *lines, rest = _BREAK.split(self._rest + chunk)
        self._rest = rest[-_LONGEST_LINE:]
        for line in lines:
            if found := parse(line):
                self._latest = Progress(self._repository, *found)
        if self._clock() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Report what was held back."""
        if self._latest:
            self._report(self._latest)
            self._latest = None
            self._due = self._clock() + INTERVAL
