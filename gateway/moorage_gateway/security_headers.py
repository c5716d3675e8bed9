"""The headers that every answer carries, for browsers: nothing here is a page, or in one."""

from collections.abc import Sequence
from typing import Final

RawHeader = tuple[bytes, bytes]

_HEADERS: Final[Sequence[RawHeader]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class SecurityHeaders:
    """Adds what an answer has not said itself."""

    def __init__(self, hsts_seconds: int) -> None:
        value = f"max-age={hsts_seconds}; includeSubDomains".encode()
        hsts = [(b"strict-transport-security", value)] if hsts_seconds else []
        self._plain = _HEADERS
        self._behind_tls = (*_HEADERS, *hsts)

    def add_to(self, headers: list[RawHeader], scheme: str) -> list[RawHeader]:
        """Return the headers of an answer to a request that came by ``scheme``, completed."""
        said = {name.lower() for name, _ in headers}
        wanted = self._behind_tls if scheme == "https" else self._plain
        return [*headers, *((name, value) for name, value in wanted if name not in said)]
