"""Settings of how users are known: accounts with a password, and an identity provider."""

from datetime import timedelta
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from moorage_gateway.settings.base import Group, Words, is_loopback

AuthMode = Literal["users", "none"]
_SHORTEST_SECRET: Final = 32


def _checked_secret(value: SecretStr | None) -> SecretStr | None:
    if value is not None and len(value.get_secret_value()) < _SHORTEST_SECRET:
        msg = (
            f"write at least {_SHORTEST_SECRET} random characters, as `openssl rand -base64 32` "
            "makes them"
        )
        raise ValueError(msg)
    return value


class LoginSettings(Group):
    """How users log in here, and for how long."""

    secret: Annotated[
        SecretStr | None,
        AfterValidator(_checked_secret),
        Field(
            description="What access tokens are signed from: at least 32 random characters, the "
            "same for all replicas. Must be set unless MOORAGE_AUTH is none; `record` and "
            "`migrate` do without."
        ),
    ] = None
    previous_secret: Annotated[
        SecretStr | None,
        AfterValidator(_checked_secret),
        Field(
            description="The secret that was in use before: tokens signed from it are accepted "
            "until they expire."
        ),
    ] = None
    registration: Annotated[
        Literal["open", "closed"],
        Field(description="Whether everybody who reaches the gateway may make an account."),
    ] = "open"
    access_minutes: Annotated[
        int, Field(ge=1, le=60, description="How long an access token is good for.")
    ] = 15
    refresh_days: Annotated[
        int,
        Field(ge=1, le=365, description="How long a sign-in lasts that is not refreshed."),
    ] = 30
    recheck_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=60,
            description="How long a process goes on with what it found of a token or API key: "
            "the longest that one works after it was revoked elsewhere.",
        ),
    ] = 5.0
    hash_threads: Annotated[
        int,
        Field(
            ge=1,
            le=16,
            description="Passwords hashed at once; each takes 19 MiB and a core meanwhile.",
        ),
    ] = 2
    max_api_keys: Annotated[int, Field(ge=0, le=1000, description="API keys a user may have.")] = 50


def _checked_url(value: str | None) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return value
    msg = "write an https:// address (http:// is accepted for loopback addresses only)"
    raise ValueError(msg)


ProviderUrl = Annotated[str | None, AfterValidator(_checked_url)]


class OidcSettings(Group):
    """An OpenID Connect provider whose bearer tokens are accepted beside our own."""

    issuer: Annotated[
        ProviderUrl,
        Field(
            description="The provider, exactly as tokens name it in `iss`. Empty: no provider.",
        ),
    ] = None
    audience: Annotated[
        Words, Field(description="Tokens must be meant for one of these (`aud`).")
    ] = []
    jwks_url: Annotated[
        ProviderUrl,
        Field(
            description="Where the provider's keys are. Empty: where its "
            "/.well-known/openid-configuration says.",
        ),
    ] = None
    groups_claim: Annotated[
        str,
        Field(
            min_length=1,
            description="The claim that lists a user's groups; dots lead into nested claims "
            "(realm_access.roles).",
        ),
    ] = "groups"
    admin_groups: Annotated[Words, Field(description="Members of one of these are admins.")] = []
    user_groups: Annotated[
        Words, Field(description="Members of one of these are users. Empty: everybody is.")
    ] = []
    groups_kept_days: Annotated[
        int,
        Field(
            ge=0,
            le=365,
            description="How long API keys keep the groups, and the role that comes of them, that "
            "their user's last token named; then they are a user's without groups or, where "
            "MOORAGE_OIDC__USER_GROUPS is set, refused. 0: at once.",
        ),
    ] = 7
    timeout_seconds: Annotated[
        float, Field(gt=0, le=30, description="How long the provider may take to answer.")
    ] = 5.0
    cache_seconds: Annotated[
        float, Field(ge=1, le=86400, description="How long the provider's keys are kept.")
    ] = 600.0
    leeway_seconds: Annotated[
        float, Field(ge=0, le=300, description="How far the provider's clock may be off.")
    ] = 30.0

    @property
    def groups_kept(self) -> timedelta:
        """How long a token's groups hold for API keys."""
        return timedelta(days=self.groups_kept_days)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer is not None and not self.audience:
            msg = "with MOORAGE_OIDC__ISSUER also set MOORAGE_OIDC__AUDIENCE"
            raise ValueError(msg)
        return self
