"""Random tokens (refresh tokens, API keys): how they are made, told apart and stored. Pure."""

import hashlib
import secrets
from typing import Final

API_KEY: Final = "mk_"
REFRESH_TOKEN: Final = "mr_"  # noqa: S105 - a prefix, by which scanners of leaked secrets find them
_BYTES: Final = 32
_SHOWN: Final = 6


def new_token(prefix: str) -> str:
    """Return a token of 256 random bits."""
    return prefix + secrets.token_urlsafe(_BYTES)


def digest_of(token: str) -> str:
    """Return what is stored of a token. Nothing slow is needed: nobody guesses 256 bits."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def shown_prefix(token: str) -> str:
    """Return the part of a token by which a person knows it again."""
    return token[: len(API_KEY) + _SHOWN]
