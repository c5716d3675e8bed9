"""Whom a provider's claims speak of, and which streams stay: tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moorage_gateway.auth.groups import Word, groups_in, role_of
from moorage_gateway.auth.oidc import identity_in
from moorage_gateway.auth.principal import Credential, Principal, Role
from moorage_gateway.auth.repository import Holder
from moorage_gateway.errors import Unauthorized
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
        # Good, and of nobody who may come in.
        ({"groups": []}, None),
        ({"groups": None}, None),
        ({"groups": {"people": True}}, None),
        ({"groups": [["people"]]}, None),
    ],
)
def test_good_claims(changes: dict[str, Any], role: Role | None) -> None:
    identity = identity_in(GOOD | changes, SETTINGS, NOW)
    assert (identity.subject, identity.role, identity.issuer) == (
        "ada",
        role,
        "https://id.example",
    )
    assert identity.expires_at > NOW
    assert (identity.email, identity.name) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": SECONDS - 30},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1e300},
        {"exp": float("nan")},
        {"nbf": SECONDS + 31},
        {"nbf": "later"},
        {"sub": ""},
        {"sub": None},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\ud800"},
    ],
    ids=str,
)
def test_bad_claims(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
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


DAY = timedelta(days=1)
OPEN = SETTINGS.model_copy(update={"user_groups": []})
UNKEPT = SETTINGS.model_copy(update={"groups_kept_days": 0})
HERE = SETTINGS.issuer or ""


@pytest.mark.parametrize(
    ("settings", "issuer", "groups", "said_at", "role"),
    [
        (SETTINGS, HERE, {"people"}, NOW, "user"),
        (SETTINGS, HERE, {"ops"}, NOW - 6.9 * DAY, "admin"),
        (SETTINGS, HERE, {"people"}, NOW - 7 * DAY, None),
        (SETTINGS, HERE, {"ops"}, NOW - 7 * DAY, None),
        (SETTINGS, HERE, {"others"}, NOW, None),
        (SETTINGS, HERE, {"ops"}, None, None),
        (SETTINGS, "https://other.example", {"ops"}, NOW, None),
        (UNKEPT, HERE, {"ops"}, NOW, None),
        (OPEN, HERE, {"ops"}, NOW, "admin"),
        (OPEN, HERE, {"ops"}, NOW - 7 * DAY, "user"),
        (OPEN, HERE, {"ops"}, None, "user"),
        (OPEN, "https://other.example", {"ops"}, NOW, "user"),
    ],
)
def test_what_a_providers_last_word_is_worth(
    settings: OidcSettings,
    issuer: str,
    groups: set[str],
    said_at: datetime | None,
    role: Role | None,
) -> None:
    word = Word(issuer, frozenset(groups), said_at)
    assert role_of(word.holding(settings, NOW), settings) == role


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
        (held("api_key"), standing("api_key", "c", role=None), False),
        (held("oidc", expires_at=FUTURE), standing("oidc", "ada"), True),
        (held("oidc", expires_at=NOW), standing("oidc", "ada"), False),
        (held("oidc", expires_at=FUTURE), standing("oidc", "bob"), False),
    ],
)
def test_streams_stay(principal: Principal, found: Standing, stays: bool) -> None:
    assert may_stay(principal, found, NOW) is stays
