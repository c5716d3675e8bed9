"""Access tokens: JSON Web Tokens that name a user and their sign-in, for some minutes.

HS256: only the gateway itself reads them, and it checks one in a fraction of what a signature with
a key pair takes (decision record 0030).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from moorage_gateway.auth.keys import SigningKey

ISSUER: Final = "moorage"
AUDIENCE: Final = "moorage-gateway"
_ALGORITHM: Final = "HS256"
_REQUIRED: Final = ["exp", "iat", "iss", "aud", "sub", "sid"]


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says."""

    user_id: str
    sign_in_id: str
    expires_at: datetime


def sign(user_id: str, sign_in_id: str, key: SigningKey, now: datetime, life: timedelta) -> str:
    """Return a token that is good for ``life``."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user_id,
        "sid": sign_in_id,
        "iat": int(now.timestamp()),
        "exp": int((now + life).timestamp()),
    }
    return jwt.encode(claims, key.secret, algorithm=_ALGORITHM, headers={"kid": key.id})


def key_id_of(token: str) -> str | None:
    """Return the id of the key that a token says it was signed with; None if it is no token."""
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError:
        return None
    return key_id if isinstance(key_id, str) else None


def read(token: str, key: SigningKey, now: datetime) -> AccessClaims | None:
    """Return what a token says, if ``key`` signed it and it has not expired."""
    try:
        # The time is checked below, by the clock that is passed in.
        claims: dict[str, Any] = jwt.decode(
            token,
            key.secret,
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
        )
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError):
        return None
    if expires_at <= now or not isinstance(claims["sid"], str):
        return None
    return AccessClaims(claims["sub"], claims["sid"], expires_at)
