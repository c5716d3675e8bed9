"""Addresses of repositories, in one form that can be compared, and patterns of them. Pure."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"https": 443, "http": 80}
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~!$&'()+,;=:@/-]*")
_ESCAPE: Final = re.compile(r"%(?:20|[89A-Fa-f][0-9A-Fa-f])")
"""Escapes of what cannot stand otherwise: a space, and letters beyond ASCII (UTF-8)."""
_HOST: Final = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]")


class BadAddress(ValueError):  # noqa: N818 - read as a sentence
    """An address that cannot be a repository's."""


def canonical(url: str) -> str:
    """Return the address as it is compared: without `.git` and the scheme's own port.

    Raises:
        BadAddress: if it holds what could make it mean another repository than it looks like:
            credentials, a query, escapes of signs that have a meaning or stand unescaped as well,
            `..`, or another scheme than https and http.
    """
    scheme, host, path = _split(url)
    if not _PLAIN.fullmatch(_ESCAPE.sub("", path)):
        msg = (
            "must be letters, digits and the usual signs only, without query or fragment; escaped "
            "may be a space (%20) and letters beyond ASCII"
        )
        raise BadAddress(msg)
    return f"{scheme}://{host}/{_path(_ESCAPE.sub(lambda found: found[0].upper(), path))}"


def _split(url: str) -> tuple[str, str, str]:
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _PORTS:
        msg = "must be an https URL"
        raise BadAddress(msg)
    authority, _, path = rest.partition("/")
    if "@" in authority:
        msg = "must hold no user name or password"
        raise BadAddress(msg)
    try:
        parts = urlsplit(f"//{authority}")
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port = "", None
    if ":" in host:
        host = f"[{host}]"
    whole = host if port in {None, _PORTS[scheme]} else f"{host}:{port}"
    if not _HOST.fullmatch(host) or authority.lower() not in {whole, f"{host}:{port}"}:
        msg = "must name a host"
        raise BadAddress(msg)
    return scheme, whole, path


def _path(path: str) -> str:
    names = path.rstrip("/").removesuffix(".git").split("/")
    if {"", ".", ".."} & set(names):
        msg = "must name a repository, without empty parts, '.' and '..'"
        raise BadAddress(msg)
    return "/".join(names)


@lru_cache(maxsize=512)
def pattern(text: str) -> re.Pattern[str]:
    """Return what fits the canonical addresses that ``text`` stands for.

    `*` stands for anything within one part, `**` for anything; in a host for anything but dots.

    Raises:
        BadAddress: if it begins with no scheme and host.
    """
    scheme, separator, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    if not separator or scheme.lower() not in _PORTS or not host or not slash or not path:
        msg = "must be like https://git.example.com/team/*"
        raise BadAddress(msg)
    ending = path.removesuffix(".git")
    # A host's signs never take a slash: the host would end there.
    host_text = r"[^/]+" if host == "**" else _fitting(host.lower(), r"[^/.:]+", r"[^/:]+")
    return re.compile(f"{scheme.lower()}://{host_text}/{_fitting(ending, '[^/]*', '.*')}")


def _fitting(text: str, one: str, several: str) -> str:
    kinds = {"*": one, "**": several}
    return "".join(kinds.get(part) or re.escape(part) for part in re.split(r"(\*\*|\*)", text))


def fits(text: str, address: str) -> bool:
    """Return whether the canonical ``address`` is one that the pattern ``text`` stands for."""
    return pattern(text).fullmatch(address) is not None
