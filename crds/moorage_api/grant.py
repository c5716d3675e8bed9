"""What a session may do at the credential proxy, and the token that proves it is the session.

The operator writes it under the session's own hash tag, the proxy reads it. It holds a digest of
the token, never the token. It is a lease: what nobody renews expires (decision record 0060).
"""

import hashlib
import hmac
import secrets
from typing import Annotated, Final

from pydantic import Field

from moorage_api.base import WireModel
from moorage_api.resources import SessionSpec

TOKEN_FIELD: Final = b"token"
GRANT_FIELD: Final = b"grant"
LEASE_SECONDS: Final = 3600
"""How long a grant outlives its last renewal: the longest that a lost token can be of use."""

_PREFIX: Final = "mo_session_"
_BYTES: Final = 32
_LONGEST: Final = 256


class GrantedRepository(WireModel):
    """A repository that the session may read, and push to."""

    url: str
    secret: str | None = None
    """Name of the Secret with its credentials, in the session's namespace."""
    submodules: bool = False


class Grant(WireModel):
    """What a session may do."""

    namespace: str
    name: str
    owner: str | None = None
    max_cost_usd: Annotated[float | None, Field(gt=0)] = None
    repositories: list[GrantedRepository] = []
    hosts: list[str] = []
    """Hosts that may be reached by way of the proxy."""


def make_grant(namespace: str, name: str, spec: SessionSpec) -> Grant:
    """Return what a session with this resolved spec may do."""
    every = [each for each in (spec.repository, *spec.additional_repositories) if each is not None]
    return Grant(
        namespace=namespace,
        name=name,
        owner=spec.owner,
        max_cost_usd=spec.budget.max_cost_usd,
        repositories=[
            GrantedRepository(
                url=each.url,
                secret=each.credentials_secret_ref and each.credentials_secret_ref.name,
                submodules=each.submodules,
            )
            for each in every
        ],
        hosts=list(spec.egress.hosts),
    )


def new_token(session_id: str) -> str:
    """Make up a token by chance. It names its session, so that its grant is found."""
    return f"{_PREFIX}{session_id}.{secrets.token_urlsafe(_BYTES)}"


def session_of(token: str) -> str | None:
    """Return the session that a token claims to be of; None if it is no token."""
    if len(token) > _LONGEST or not token.startswith(_PREFIX):
        return None
    session_id, dot, secret = token.removeprefix(_PREFIX).rpartition(".")
    well_formed = session_id and dot and secret and not set(session_id) & set("{}:")
    return session_id if well_formed else None


def token_digest(token: str) -> str:
    """Return all of a token that is kept outside of the session's Secret."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_token(token: str, digest: bytes) -> bool:
    """Whether this is the token that has the digest."""
    return hmac.compare_digest(token_digest(token).encode(), digest)
