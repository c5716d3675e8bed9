"""Signals as something that can be waited for. Part of the shim, so it imports little."""

# `signal` would make enums of these at import, a good part of the shim's start-up.
import _signal as signal  # type: ignore[import-not-found,unused-ignore]
import os

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Wake:
    """Signals as something that can be waited for together with descriptors."""

    def __init__(self) -> None:
        self.told = False
        """Somebody asked this process to end."""
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, self._heard)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable with a signal."""
        return self._reader

    def clear(self) -> None:
        """Make it wait for the next signal."""
        try:  # noqa: SIM105 - contextlib is slow to import
            os.read(self._reader, 4096)
        except BlockingIOError:
            pass

    def _heard(self, number: int, _: object) -> None:
        if number != signal.SIGCHLD:
            self.told = True
