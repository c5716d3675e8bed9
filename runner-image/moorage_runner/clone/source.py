"""What may be cloned and how it is asked for. Pure: nothing here touches disk or network."""

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from moorage_api.reasons import Reason
from moorage_api.resources.parts import Repository
from moorage_runner.clone.failures import redact
from moorage_runner.clone.results import CloneError

_REMOTE: Final = ("https", "http")
_LOCAL: Final = ("file", "https", "http")
_FULL_ID: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SHORT_ID: Final = re.compile(r"[0-9a-f]{4,63}")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a repository comes from."""

    url: str
    """For git: an https or file URL, or an absolute path."""
    shown: str
    """For people: without credentials."""
    protocols: tuple[str, ...]
    """What git may speak for it and for its submodules."""


class RefKind(Enum):
    """How a ref is asked for."""

    DEFAULT = "the default branch"
    NAMED = "a branch or tag"
    PINNED = "a commit by its full id, or a ref outside of branches and tags"


@dataclass(frozen=True, slots=True)
class Ref:
    """What to check out."""

    kind: RefKind
    name: str = ""

    @property
    def maybe_commit(self) -> bool:
        """Whether the name of a branch or tag could also be an abbreviated commit id."""
        return self.kind is RefKind.NAMED and _SHORT_ID.fullmatch(self.name.lower()) is not None


def read_ref(ref: str | None) -> Ref:
    """Tell how `ref` is asked for."""
    if ref is None:
        return Ref(RefKind.DEFAULT)
    if _FULL_ID.fullmatch(ref.lower()):
        return Ref(RefKind.PINNED, ref.lower())
    for prefix in ("refs/heads/", "refs/tags/"):
        if ref.startswith(prefix):
            return Ref(RefKind.NAMED, ref.removeprefix(prefix))
    return Ref(RefKind.PINNED if ref.startswith("refs/") else RefKind.NAMED, ref)


def locate(repository: Repository) -> Source:
    """Return where to clone `repository` from.

    Raises:
        CloneError: SPEC_INVALID, the url is neither https (or http) nor an absolute local path.
    """
    url = repository.url
    if not url.isprintable() or "::" in url.partition("/")[0]:
        raise _refuse(url)
    if url.startswith("/"):
        return _locate_path(Path(url), repository)
    scheme, separator, _ = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _LOCAL:
        raise _refuse(url)
    if scheme == "file":
        return Source(url, url, _LOCAL)
    return _locate_remote(url)


def _locate_path(path: Path, repository: Repository) -> Source:
    # Git ignores a depth between folders; as a file URL the source is a server like any other.
    return Source(path.as_uri() if repository.depth else str(path), str(path), _LOCAL)


def _locate_remote(url: str) -> Source:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _refuse(url) from None
    if "@" in parts.netloc or not parts.hostname:
        raise _refuse(url)
    return Source(url, redact(url), _REMOTE)


def _refuse(url: str) -> CloneError:
    shown = redact(url)
    if "@" in shown.partition("/")[0]:
        shown = shown.rpartition("@")[2]
    return CloneError(
        Reason.SPEC_INVALID,
        f"The url {shown[:200]!r} cannot be cloned: write an https URL without a user name or "
        "password, or on one machine an absolute path.",
    )
