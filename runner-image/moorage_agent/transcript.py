"""Hands out, or deletes, what Claude Code wrote down of a conversation.

Claude Code's files are readable for its user alone, and the runner is another one: it asks for the
conversation by its id, gets at most MAX_BYTES of it, the newest, and takes that for untrusted.
"""

import os
from contextlib import suppress
from pathlib import Path

MAX_BYTES = 32 * 1024 * 1024
"""What goes out. A turn's beginning is never further back than that."""

READ, FORGET = "transcript", "forget-transcript"
WORDS = (READ, FORGET)
_ID_LENGTH = 36
_ID = frozenset("0123456789abcdef-")
_CHUNK = 1024 * 1024


def run(word: str, arguments: list[str], environment: dict[str, str]) -> int:
    """Do what the word says with the conversation in the arguments; return the exit code."""
    (name,) = arguments
    if len(name) != _ID_LENGTH or not _ID.issuperset(name):
        return 2
    for path in _files(environment, f"{name}.jsonl"):
        with suppress(OSError):
            if word == FORGET:
                path.unlink()
            elif _write_out(path):
                return 0
    return 0


def _files(environment: dict[str, str], name: str) -> list[Path]:
    projects = Path(environment.get("HOME", "/"), ".claude", "projects")
    return list(projects.glob(f"*/{name}"))


def _write_out(path: Path) -> bool:
    """Write a file's end to standard output, from the start of a line; False: it is empty."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    size = os.fstat(descriptor).st_size
    start = max(0, size - MAX_BYTES)
    os.lseek(descriptor, start, os.SEEK_SET)
    left, whole = MAX_BYTES, start == 0
    while left and (chunk := os.read(descriptor, min(_CHUNK, left))):
        left -= len(chunk)
        if not whole:
            whole, chunk = b"\n" in chunk, chunk.partition(b"\n")[2]
        while chunk:
            chunk = chunk[os.write(1, chunk) :]
    return size > 0
