"""Whom a provider's claims speak of, and which streams stay: tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moorage_gateway.auth.oidc import groups_in, identity_in
from moorage_gateway.auth.principal import Credential, Principal
from moorage_gateway.auth.repository import Holder
from moorage_gateway.errors import Forbidden, Unauthorized
from moorage_gateway.live.standing import Standing, may_stay
from moorage_gateway.settings import OidcSettings

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
SETTINGS = OidcSettings(
    issuer="https://id.example", audience=["moorage"], user_groups=["people"], admin_groups=["ops"]
)
GOOD: dict[str, Any] = {"sub": "ada", "exp": SECONDS + 60, "groups": ["people"]}


@pytest.mark.parametrize(
    ("changes", "role"),
    [
        ({}, "user"),
        ({"groups": "people"}, "user"),
        ({"groups": ["people", "ops", 7]}, "admin"),
        ({"exp": SECONDS - 29}, "user"),
        ({"nbf": SECONDS + 30}, "user"),
        ({"email": "x" * 400, "name": "a\0b"}, "user"),
    ],
)
def test_good_claims(changes: dict[str, Any], role: str) -> None:
    identity = identity_in(GOOD | changes, SETTINGS, NOW)
    assert (identity.subject, identity.role, identity.issuer) == (
        "ada",
        role,
        "https://id.example",
    )
    assert identity.expires_at > NOW
    assert (identity.email, identity.name) == (None, None)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"exp": SECONDS - 30}, Unauthorized),
        ({"exp": None}, Unauthorized),
        ({"exp": "soon"}, Unauthorized),
        ({"exp": True}, Unauthorized),
        ({"exp": 1e300}, Unauthorized),
        ({"exp": float("nan")}, Unauthorized),
        ({"nbf": SECONDS + 31}, Unauthorized),
        ({"nbf": "later"}, Unauthorized),
        ({"sub": ""}, Unauthorized),
        ({"sub": None}, Unauthorized),
        ({"sub": 7}, Unauthorized),
        ({"sub": "x" * 256}, Unauthorized),
        ({"sub": "a\ud800"}, Unauthorized),
        ({"groups": []}, Forbidden),
        ({"groups": None}, Forbidden),
        ({"groups": {"people": True}}, Forbidden),
        ({"groups": [["people"]]}, Forbidden),
    ],
    ids=str,
)
def test_bad_claims(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        identity_in(GOOD | changes, SETTINGS, NOW)


@pytest.mark.parametrize(
    ("claims", "path", "groups"),
    [
        ({"a": {"b": ["x", "y"]}}, "a.b", {"x", "y"}),
        ({"a.b": ["x"], "a": {"b": ["y"]}}, "a.b", {"x"}),
        ({"https://id.example/groups": ["x"]}, "https://id.example/groups", {"x"}),
        ({"a": ["x"]}, "a.b", set()),
        ({}, "a", set()),
    ],
)
def test_groups(claims: dict[str, Any], path: str, groups: set[str]) -> None:
    assert groups_in(claims, path) == groups


def held(credential: Credential, **changes: Any) -> Principal:
    fields = {"user_id": "ada", "role": "user", "credential": credential, "credential_id": "c"}
    return Principal(**(fields | changes))


def standing(credential: Credential, key: str, **changes: Any) -> Standing:
    fields = {"credential_id": "c", "user_id": "ada", "role": "user", "expires_at": None}
    whole: Standing = {"sign_in": {}, "api_key": {}, "oidc": {}}
    return whole | {credential: {key: Holder(**(fields | changes))}}


PAST, FUTURE = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("principal", "found", "stays"),
    [
        (held("sign_in"), standing("sign_in", "c"), True),
        # The access token's end is not the sign-in's.
        (held("sign_in", expires_at=PAST), standing("sign_in", "c", expires_at=FUTURE), True),
        (held("sign_in"), standing("sign_in", "c", expires_at=PAST), False),
        (held("sign_in"), standing("sign_in", "other"), False),
        (held("sign_in"), standing("sign_in", "c", role="admin"), False),
        (held("sign_in"), standing("sign_in", "c", user_id="bob"), False),
        (held("sign_in"), standing("api_key", "c"), False),
        (held("api_key"), standing("api_key", "c"), True),
        (held("api_key"), standing("api_key", "c", expires_at=NOW), False),
        (held("oidc", expires_at=FUTURE), standing("oidc", "ada"), True),
        (held("oidc", expires_at=NOW), standing("oidc", "ada"), False),
        (held("oidc", expires_at=FUTURE), standing("oidc", "bob"), False),
    ],
)
def test_streams_stay(principal: Principal, found: Standing, stays: bool) -> None:
    assert may_stay(principal, found, NOW) is stays
