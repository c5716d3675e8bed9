"""Remembers which clones are finished, in a small file outside of the clone.

The order makes it safe to be killed at any moment: a clone is made in a sibling folder, its record
is written, then the folder is renamed to its place. So a folder in its place is whole, and its
record is there; a record without its folder means nothing.

In a pod the agent can put anything in the place of these files. So they are opened without
following links or waiting for a pipe's other end, and only so much of them is read.
"""

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, Field, ValidationError

from moorage_runner.workspace import Workspace

_MOST: Final = 64 * 1024 * 1024
"""Bytes of the largest packed-refs that is read: some hundred thousand refs."""
_ID: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


class Record(BaseModel):
    """What is remembered of a finished clone."""

    start_commit: str | None = Field(default=None, pattern=f"^{_ID.pattern}$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a clone goes, is made, and is recorded."""

    name: str
    """`repo` or `extra/PATH`."""
    folder: Path
    partial: Path
    record: Path

    @classmethod
    def of(cls, workspace: Workspace, name: str) -> Self:
        """Return the place called `name` in the workspace."""
        flat = name.replace("%", "%25").replace("/", "%2F")
        records = workspace.records
        return cls(
            name, workspace.root / name, records / f"{flat}.partial", records / f"{flat}.json"
        )

    def find(self) -> Record | None:
        """Return the record of the finished clone that is here; None if there is none.

        A clone without a readable record was put here by someone else: it is kept too, and
        starts where its HEAD is.
        """
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            return None
        with suppress(OSError, ValidationError):
            return Record.model_validate_json(_read(self.record))
        return Record(start_commit=head_commit(self.folder))

    def finish(self) -> Record:
        """Record the clone that was made, then put it in its place.

        Raises:
            OSError: The workspace cannot be written.
        """
        record = Record(start_commit=head_commit(self.partial))
        temporary = self.record.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        with temporary.open("x") as file:
            file.write(record.model_dump_json())
        temporary.replace(self.record)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.partial.rename(self.folder)
        return record


def head_commit(folder: Path) -> str | None:
    """Return the commit that is checked out in `folder`; None if there is none.

    Reads the files itself: a process more would cost as much as a quarter of a small clone.
    """
    git = folder / ".git"
    with suppress(OSError, UnicodeDecodeError):
        head = _read(git / "HEAD").strip()
        name = head.removeprefix("ref: ")
        found = head if name == head else _resolve(git, name)
        if found and _ID.fullmatch(found):
            return found
    return None


def _resolve(git: Path, name: str) -> str | None:
    loose = Path(os.path.normpath(git / name))
    if loose.is_relative_to(git) and loose.is_file():
        return _read(loose).strip()
    for line in _read(git / "packed-refs").splitlines():
        commit, _, packed = line.partition(" ")
        if packed == name:
            return commit
    return None


def _read(path: Path) -> str:
    """Return what is in a regular file.

    Raises:
        OSError: There is none, or it is something else.
        UnicodeDecodeError: It is no text.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(path)
        return file.read(_MOST).decode("utf-8")
