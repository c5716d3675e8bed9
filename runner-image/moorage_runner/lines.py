"""Writes lines to stdout or stderr without ever holding up the event loop.

A reader that is slow or stopped must not stop a session: lines go through a bounded queue to a
thread; what does not fit is left out, and how much is said once there is room again.
"""

import queue
import threading
from typing import TextIO

_QUEUED = 2_000


class LineWriter:
    """A thread that writes lines to a stream."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._queue: queue.Queue[str | None] = queue.Queue(_QUEUED)
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, name=f"lines-{name}", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Queue a line; leave it out if the reader is too far behind."""
        if self._left_out:
            line = f"[{self._left_out} lines left out]\n{line}"
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._left_out += 1
        else:
            self._left_out = 0

    def close(self, timeout: float = 1.0) -> None:
        """Write what is queued, as far as it goes in this time."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            try:
                self._stream.write(line + "\n")
                if self._queue.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # nobody reads any more
                return
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return
