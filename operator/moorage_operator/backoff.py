"""How long to wait before the next attempt: exponential, with jitter, and yet a pure function.

Jitter keeps sessions that failed together from coming back together. It is taken from a digest of
the session and the attempt instead of from chance, so that a decision made twice is the same.
"""

from datetime import timedelta
from hashlib import sha256
from typing import Final

LONGEST: Final = timedelta(minutes=5)
_MOST_DOUBLINGS: Final = 32


def backoff(base: timedelta, attempt: int, uid: str) -> timedelta:
    """Return the wait before the attempt after ``attempt`` failures: half of it up to all of it."""
    doublings = min(max(attempt, 1) - 1, _MOST_DOUBLINGS)
    longest: timedelta = min(min(base, LONGEST) * 2.0**doublings, LONGEST)
    return longest * (0.5 + chance(uid, attempt) / 2)


def chance(uid: str, attempt: int) -> float:
    """Return a number from 0 up to 1, always the same for the same two."""
    digest = sha256(f"{uid}/{attempt}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
