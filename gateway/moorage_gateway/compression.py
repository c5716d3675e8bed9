"""Answers are compressed (zstd, br, gzip) for clients that take it; streams never are.

A compressed stream would hold events back in the encoder, cost memory per client, and could not be
written once for all clients.
"""

from typing import Final

from starlette.middleware import Middleware
from starlette_compress import CompressMiddleware, remove_compress_type

from moorage_gateway.settings import HttpSettings

STREAM: Final = "text/event-stream"

remove_compress_type(STREAM)  # the library's list is the process's


def compressed(settings: HttpSettings) -> Middleware:
    """Return the middleware."""
    return Middleware(CompressMiddleware, minimum_size=settings.compress_from_bytes)
