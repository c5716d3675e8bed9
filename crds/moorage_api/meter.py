"""What the credential proxy metered: the fields of a meter hash, all whole numbers."""

from collections.abc import Sequence
from typing import Final

from moorage_api.resources.session import Usage

INPUT: Final = b"inputTokens"
CACHE_READ: Final = b"cacheReadTokens"
CACHE_WRITE: Final = b"cacheWriteTokens"
OUTPUT: Final = b"outputTokens"
COST: Final = b"costMicroUsd"
REQUESTS: Final = b"requests"

FIELDS: Final = (INPUT, CACHE_READ, CACHE_WRITE, OUTPUT, COST)
"""What makes up the usage."""

MICRO: Final = 1_000_000


def decode_meter(values: Sequence[bytes | None]) -> Usage | None:
    """Return the usage in the values of ``FIELDS``; None where nothing was metered."""
    try:
        found = [int(value or 0) for value in values]
    except ValueError:
        return None
    if not any(found):
        return None
    sent, read, written, received, cost = found
    return Usage(input_tokens=sent + read + written, output_tokens=received, cost_usd=cost / MICRO)
