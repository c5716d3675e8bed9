"""Writes to a terminal, or to whatever stands in its place.

Colours and lines that are written over appear on a terminal only. What came from a session goes
through ``clean`` first: a terminal obeys escape sequences, whoever wrote them.
"""

import io
import os
import sys
import threading
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TextIO

_DELETE: Final = 0x7F
_PICTURES: Final = 0x2400
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_C0: Final = {
    number: chr(_PICTURES + number) for number in range(0x20) if chr(number) not in "\n\t"
}
_C1: Final = dict.fromkeys(range(0x80, 0xA0), _REPLACEMENT)
# Marks that turn text around, so that it reads other than it is.
_TURNING: Final = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), _REPLACEMENT)
_SHOWN: Final = {**_C0, **_C1, **_TURNING, _DELETE: "\N{SYMBOL FOR DELETE}"}


def clean(text: str) -> str:
    """Return ``text`` with everything that a terminal could obey made visible instead."""
    return text.replace("\r\n", "\n").translate(_SHOWN)


def clean_line(text: str, limit: int) -> str:
    """Return ``text`` as one cleaned line of at most ``limit`` characters."""
    line = " ".join(clean(text[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class _Nowhere(io.StringIO):
    """Swallows what is written."""

    def write(self, text: str) -> int:
        """Take the text, keep nothing."""
        return len(text)


class Style(StrEnum):
    """How a piece of text looks on a terminal."""

    DIM = "\033[2m"
    BOLD = "\033[1m"
    RED = "\033[31m"
    GREEN = "\033[32m"
    YELLOW = "\033[33m"
    CYAN = "\033[36m"


class Terminal:
    """Where everything is written that the user is to read. Safe to use from several threads."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._at_start = True
        self._passing = ""
        self.is_terminal = stream.isatty() and environment.get("TERM") != "dumb"
        self._colours = self.is_terminal and not environment.get("NO_COLOR")

    def write(self, text: str, style: Style | None = None) -> None:
        """Write text as it goes on; it must be clean."""
        with self._lock:
            self._clear_passing()
            self._put(text, style)

    def line(self, text: str = "", style: Style | None = None) -> None:
        """Write a line of its own."""
        with self._lock:
            self._clear_passing()
            self._put(("" if self._at_start else "\n") + text + "\n", style)

    def fresh(self) -> None:
        """Go to the start of a line, unless that is where we are."""
        with self._lock:
            self._clear_passing()
            self._put("" if self._at_start else "\n", None)

    def step(self, text: str) -> None:
        """Say what is being done."""
        self.line(f"· {text}", Style.DIM)

    def passing(self, text: str) -> None:
        """Show progress, to be written over by what comes next; on a terminal only."""
        if self.is_terminal:
            with self._lock:
                self._clear_passing()
                start = "" if self._at_start else "\n"
                self._passing = text
                self._put(start + text, Style.DIM)

    def _clear_passing(self) -> None:
        if self._passing:
            self._passing = ""
            self._raw("\r\033[K")
            self._at_start = True

    def _put(self, text: str, style: Style | None) -> None:
        if text:
            self._raw(f"{style}{text}\033[0m" if style and self._colours else text)
            self._at_start = text.endswith("\n")

    def _raw(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody reads any more (`| head`, a closed window): sessions go on without it.
            self._stream = _Nowhere()


def standard_terminal() -> Terminal:
    """Return the terminal on standard output, if need be one that swallows everything."""
    stream: Any = sys.stdout or _Nowhere()
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return Terminal(stream)
