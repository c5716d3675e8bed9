"""Which repository a request is about, and what its session may do with it."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from moorage_api.grant import Grant, GrantedRepository

PREFIX: Final = "/git/"
"""Paths of repositories: /git/SCHEME/HOST/PATH, so that git makes them of URLs by itself."""

_SERVICES: Final = ("git-upload-pack", "git-receive-pack")
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/-]+")
"""What a path may consist of: nothing that one server reads as another server does not."""


@dataclass(frozen=True, slots=True)
class Address:
    """A repository's address, in the one form that is compared."""

    scheme: str
    host: str
    path: str

    @classmethod
    def of(cls, url: str) -> "Address | None":
        """Return the address of a URL; None if it is none that the proxy serves."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return None
        path = parts.path.rstrip("/").removesuffix(".git")
        named = parts.hostname and "@" not in parts.netloc and not parts.query
        if parts.scheme not in {"https", "http"} or not named or not _is_plain(path):
            return None
        default = {"https": 443, "http": 80}[parts.scheme]
        host = (parts.hostname or "").lower()
        return cls(parts.scheme, host if port in {None, default} else f"{host}:{port}", path)


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about."""

    address: Address
    url: str
    """The repository as the server knows it."""
    action: str
    """What is asked of it: info/refs or a service."""

    @classmethod
    def of(cls, path: str) -> "Target | None":
        """Return the target of a request's path; None if it is none that the proxy serves."""
        scheme, _, place = path.removeprefix(PREFIX).partition("/")
        for action in ("info/refs", *_SERVICES):
            repository = place.removesuffix(f"/{action}")
            url = f"{scheme}://{repository}"
            address = Address.of(url)
            if repository != place and address is not None:
                return cls(address, url, action)
        return None


@dataclass(frozen=True, slots=True)
class Right:
    """What a session may do with a repository."""

    repository: GrantedRepository | None
    """Its own, with its credentials; None: one that it may read as anybody may."""


def right(grant: Grant, address: Address) -> Right | None:
    """Return what a session may do with a repository; None: nothing.

    Its own are those of its spec. Where one of them has submodules, others of the same server may
    be read without credentials.
    """
    known = [(Address.of(each.url), each) for each in grant.repositories]
    own = next((each for place, each in known if place == address), None)
    if own is not None:
        return Right(own)
    shared = any(
        each.submodules
        for place, each in known
        if place is not None and (place.scheme, place.host) == (address.scheme, address.host)
    )
    return Right(None) if shared else None


def _is_plain(path: str) -> bool:
    parts = path.split("/")[1:]
    return bool(_PLAIN.fullmatch(path)) and all(each not in {"", ".", ".."} for each in parts)
