"""Bearer tokens of an OpenID Connect provider: checked, and read for who they speak of."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from moorage_gateway.auth.groups import groups_in, role_of
from moorage_gateway.auth.jwks import Jwks
from moorage_gateway.auth.principal import Identity
from moorage_gateway.errors import Unauthorized
from moorage_gateway.settings import OidcSettings

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""With key pairs only: a provider's public key must never be taken for a shared secret."""
_LONGEST_SUBJECT: Final = 255
_LONGEST_EMAIL: Final = 320
_LONGEST_NAME: Final = 200


class Oidc:
    """The configured provider."""

    def __init__(self, settings: OidcSettings, keys: Jwks) -> None:
        self._settings = settings
        self._keys = keys

    async def identify(self, token: str, key_id: str, now: datetime) -> Identity:
        """Return whom ``token`` speaks of.

        Raises:
            Unauthorized: if it is not the provider's, not for us, or expired.
            Unavailable: if the provider's keys cannot be had.
        """
        key = await self._keys.key(key_id, now)
        claims = None if key is None else _read(token, key, self._settings)
        if claims is None:
            raise Unauthorized
        return identity_in(claims, self._settings, now)


def _read(token: str, key: jwt.PyJWK, settings: OidcSettings) -> dict[str, Any] | None:
    """Return the claims of a token that ``key`` signed for us."""
    try:
        if jwt.get_unverified_header(token).get("alg") not in ALGORITHMS:
            return None
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            issuer=settings.issuer,
            audience=settings.audience,
            # The times are checked in `identity_in`, by the clock that is passed in.
            options={
                "require": ["exp", "iss", "aud", "sub"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except (jwt.InvalidTokenError, TypeError, ValueError):
        return None
    return claims


def identity_in(claims: Mapping[str, Any], settings: OidcSettings, now: datetime) -> Identity:
    """Return whom claims, whose signature was checked, speak of at this moment.

    Raises:
        Unauthorized: if they are not worth anything now, or name nobody.
    """
    leeway = timedelta(seconds=settings.leeway_seconds)
    expires_at = _moment(claims.get("exp"))
    begins_at = _moment(claims["nbf"]) if "nbf" in claims else now
    subject = _text(claims.get("sub"), _LONGEST_SUBJECT)
    if expires_at is None or expires_at + leeway <= now:
        raise Unauthorized
    if begins_at is None or begins_at - leeway > now:
        raise Unauthorized
    if subject is None:
        raise Unauthorized
    groups = groups_in(claims, settings.groups_claim)
    return Identity(
        issuer=settings.issuer or "",
        subject=subject,
        email=_text(claims.get("email"), _LONGEST_EMAIL),
        name=_text(claims.get("name"), _LONGEST_NAME),
        role=role_of(groups, settings),
        groups=groups,
        expires_at=expires_at + leeway,
    )


def _moment(seconds: Any) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _text(value: Any, longest: int) -> str | None:
    """Return a text that can be stored; None of anything else."""
    if not isinstance(value, str) or not 0 < len(value) <= longest or "\0" in value:
        return None
    return value if value.isprintable() else None
