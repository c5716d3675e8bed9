"""A client for servers of the tests' own, which speak HTTP without TLS."""

import ssl
from typing import Any, Final

import httpx2

_NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody. By default each client reads all known authorities, 30 ms each time: where a test
asks again and again until a server is there, that takes the server's share of the processor.
"""


def http_client(**options: Any) -> httpx2.Client:
    """Return a client, to be closed, that knows nothing of proxies and TLS."""
    return httpx2.Client(verify=_NOBODY, trust_env=False, **options)
