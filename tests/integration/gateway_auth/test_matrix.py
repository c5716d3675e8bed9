"""Every route by every kind of caller, from the application's own routes.

A route without a rule, or one whose rule does not hold, fails here. What a caller may do beyond
being let in is for the features' own tests.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import jwt
import pytest
from fastapi import APIRouter
from fastapi.routing import RouteContext, iter_route_contexts

from moorage_api.resources import SessionSpec
from moorage_api.resources.parts import Repository
from moorage_gateway.auth import access_tokens
from moorage_gateway.auth.keys import SigningKey
from moorage_gateway.auth.rules import Rule, rule_of
from moorage_gateway.backends.interface import NewSession
from moorage_testing.accounts import (
    Clock,
    User,
    accounts_settings,
    add_user,
    ask,
    bearer,
    change_user,
    works,
)
from moorage_testing.asgi import head_of
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway
from moorage_testing.oidc import AUDIENCE, Provider, running_provider
from moorage_testing.redis import RedisServer
from moorage_testing.studio import closed_routes, let_in

NOBODY = "00000000-0000-4000-8000-000000000000"
OWNERS = "00000000-0000-4000-8000-000000000001"
PROVIDED = "00000000-0000-4000-8000-000000000002"
WITHOUT_RULE = {"/api/claude-code/openapi.json", "/admin"}
"""What is no endpoint of ours: the API's description, which everybody may read; and the studio,
which knows nobody by what the API takes (a test of its own, below)."""
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/auth/login"): {"email": "nobody@example.com", "password": "wrong password"},
    ("POST", "/api/auth/refresh"): {"refreshToken": "mr_unknown"},
    ("POST", "/api/auth/logout"): {"refreshToken": "mr_unknown"},
    ("PATCH", "/api/auth/me"): {"name": "Ada"},
    ("POST", "/api/auth/api-keys"): {"name": "script"},
    ("POST", "/api/claude-code/sessions"): {"projectPath": REPOSITORY},
    ("PATCH", "/api/claude-code/sessions/{session_id}"): {"context": "x"},
    ("POST", "/api/claude-code/sessions/{session_id}/messages"): {"content": "Hello"},
    ("POST", "/api/claude-code/sessions/{session_id}/mode"): {"mode": "plan"},
}


class Kind(StrEnum):
    """What a caller is to the session in the path."""

    NOBODY = "nobody"
    OWNER = "owner"
    OTHER = "other"
    ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """Somebody who asks."""

    name: str
    kind: Kind
    authorization: str | None
    is_key: bool = False
    session_id: str = OWNERS


class Verdict(StrEnum):
    """How a request fared."""

    LET_IN = "let in"
    UNKNOWN = "401"
    FORBIDDEN = "403"
    HIDDEN = "404, as if there were no such session"


def expected(rule: Rule, caller: Caller) -> Verdict:
    """Return how a request must fare."""
    if rule is Rule.OPEN:
        return Verdict.LET_IN
    if caller.kind is Kind.NOBODY:
        return Verdict.UNKNOWN
    if rule is Rule.PERSON and caller.is_key:
        return Verdict.FORBIDDEN
    if rule is Rule.ADMIN and caller.kind is not Kind.ADMIN:
        return Verdict.FORBIDDEN
    if rule is Rule.OWNER and caller.kind is Kind.OTHER:
        return Verdict.HIDDEN
    return Verdict.LET_IN


def verdict_of(status: int, body: Any, session_id: str) -> Verdict:
    """Return how a request fared. What a route itself refuses has another sentence."""
    told = body.get("error", "") if isinstance(body, dict) else ""
    if status == 401 and told.startswith("log in first"):
        return Verdict.UNKNOWN
    if status == 403 and not told.startswith("registration"):
        return Verdict.FORBIDDEN
    if status == 404 and told == f"there is no session {session_id}":
        return Verdict.HIDDEN
    assert status < 500 or status == 503, body
    return Verdict.LET_IN


@pytest.fixture(scope="module")
def provider() -> Any:
    with running_provider() as running:
        yield running


@pytest.fixture
async def gateway(
    redis_server: RedisServer, home: Path, clock: Clock, provider: Provider
) -> AsyncIterator[Gateway]:
    oidc = {
        "issuer": provider.issuer,
        "audience": [AUDIENCE],
        "user_groups": ["people"],
        "admin_groups": ["ops"],
    }
    studio = {"enabled": True}
    settings = accounts_settings(home, redis_server.url, oidc=oidc, studio=studio)
    async with running_gateway(settings, clock=clock) as running:
        yield running


def endpoints(gateway: Gateway) -> list[tuple[str, RouteContext]]:
    return [
        (method, route)
        for route in iter_route_contexts(gateway.app.routes)
        if route.path not in WITHOUT_RULE
        for method in sorted(route.methods or {"GET"})
    ]


async def put_session(gateway: Gateway, session_id: str, owner: str) -> None:
    """Have the session stand, whatever the last request did to it."""
    gateway.backend.sessions.pop(session_id, None)
    spec = SessionSpec(repository=Repository(url=REPOSITORY), owner=owner)
    new = NewSession(creation_id=session_id, name="s", spec=spec, labels={})
    gateway.backend.place(new, session_id)


async def key_of(gateway: Gateway, user: User, **fields: Any) -> Any:
    answer = await ask(gateway, "POST", "/api-keys", user.access_token, {"name": "script"} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def forged(gateway: Gateway, owner: User) -> dict[str, str]:
    """Return tokens that look like the owner's."""
    assert gateway.context.logins is not None
    moment, life = gateway.context.clock(), timedelta(minutes=15)
    key = await gateway.context.logins.keys.current(moment)
    claims = jwt.decode(owner.access_token, options={"verify_signature": False})
    wrong = SigningKey(key.id, key.root, b"x" * 32, moment, None)
    sid = claims["sid"]
    return {
        "expired": access_tokens.sign(owner.id, sid, key, moment - life, life),
        "signed by another": access_tokens.sign(owner.id, sid, wrong, moment, life),
        "unknown key": access_tokens.sign(
            owner.id, sid, SigningKey("f" * 24, key.root, key.secret, moment, None), moment, life
        ),
        "unsigned": jwt.encode(claims, "", algorithm="none", headers={"kid": key.id}),
        "of no sign-in": access_tokens.sign(owner.id, NOBODY, key, moment, life),
        "another user's sign-in": access_tokens.sign(NOBODY, sid, key, moment, life),
        "for another audience": jwt.encode(
            claims | {"aud": "x"}, key.secret, algorithm="HS256", headers={"kid": key.id}
        ),
    }


async def callers(gateway: Gateway, provider: Provider) -> list[Caller]:
    """Return every kind of caller there is."""
    owner = await add_user(gateway, "owner")
    old = await key_of(gateway, owner, expiresInDays=1)
    gateway.context.clock.turn(days=1)  # type: ignore[attr-defined]
    owner = await again(gateway, owner)
    # All that follows is fresh: whoever is refused below is refused for the reason in their name.
    other, admin = await add_user(gateway, "other"), await add_user(gateway, "admin", role="admin")
    gone, disabled = await add_user(gateway, "gone"), await add_user(gateway, "disabled")
    keys = {name: await key_of(gateway, user) for name, user in
            (("owner", owner), ("other", other), ("admin", admin), ("disabled", disabled),
             ("revoked", owner))}  # fmt: skip
    deleted = f"/api-keys/{keys['revoked']['id']}"
    assert (await ask(gateway, "DELETE", deleted, owner.access_token)).is_success
    assert (await ask(gateway, "POST", "/logout", gone.access_token)).is_success
    await change_user(gateway, disabled.id, disabled_at=gateway.context.clock())
    gateway.context.clock.turn(seconds=5)  # type: ignore[attr-defined]
    in_people: dict[str, Any] = {
        "groups": ["people"],
        "exp": int(gateway.context.clock().timestamp()) + 900,
    }
    provided = provider.token("grace", **in_people)
    root = provider.token("root", **in_people | {"groups": ["ops"]})
    me = (await ask(gateway, "GET", "/me", provided)).json()
    await put_session(gateway, OWNERS, owner.id)
    await put_session(gateway, PROVIDED, me["id"])
    nobodies = await forged(gateway, owner) | {
        "nonsense": "nonsense",
        "logged out": gone.access_token,
        "disabled": disabled.access_token,
        "deleted key": keys["revoked"]["key"],
        "expired key": old["key"],
        "disabled user's key": keys["disabled"]["key"],
        "unknown key of the kind": "mk_" + "x" * 43,
        "refresh token": owner.refresh_token,
        "provided, expired": provider.token(**in_people | {"exp": in_people["exp"] - 2000}),
        "provided, of another": provider.token(**in_people, iss="https://other.example"),
        "provided, for another": provider.token(**in_people, aud="other"),
        "provided, without end": provider.token(**in_people | {"exp": None}),
    }
    return [
        Caller("anonymous", Kind.NOBODY, None),
        Caller("basic", Kind.NOBODY, "Basic b3duZXI6cGFzc3dvcmQ="),
        *(Caller(name, Kind.NOBODY, f"Bearer {token}") for name, token in nobodies.items()),
        Caller("owner", Kind.OWNER, f"Bearer {owner.access_token}"),
        Caller("other", Kind.OTHER, f"Bearer {other.access_token}"),
        Caller("admin", Kind.ADMIN, f"Bearer {admin.access_token}"),
        Caller("owner's key", Kind.OWNER, f"Bearer {keys['owner']['key']}", is_key=True),
        Caller("other's key", Kind.OTHER, f"bearer {keys['other']['key']}", is_key=True),
        Caller("admin's key", Kind.ADMIN, f"Bearer {keys['admin']['key']}", is_key=True),
        Caller("provided", Kind.OTHER, f"Bearer {provided}"),
        Caller("provided owner", Kind.OWNER, f"Bearer {provided}", session_id=PROVIDED),
        Caller("provided admin", Kind.ADMIN, f"Bearer {root}"),
    ]


async def again(gateway: Gateway, user: User) -> User:
    """Return the user with tokens that are good now."""
    body = {"refreshToken": user.refresh_token}
    pair = (await ask(gateway, "POST", "/refresh", body=body)).json()
    return User(user.id, pair["accessToken"], pair["refreshToken"])


def test_every_route_has_a_rule(gateway: Gateway) -> None:
    without = [route.path for _, route in endpoints(gateway) if rule_of(route) is None]
    assert without == []
    assert {rule_of(route) for _, route in endpoints(gateway)} == set(Rule)


async def test_every_route_by_every_caller(gateway: Gateway, provider: Provider) -> None:
    everybody = await callers(gateway, provider)
    owners = {
        session_id: session.spec.owner or ""
        for session_id, session in gateway.backend.sessions.items()
    }
    failures = []
    for method, route in endpoints(gateway):
        rule, path = rule_of(route), route.path_format or ""
        assert rule is not None
        for caller in everybody:
            for session_id, owner in owners.items():
                await put_session(gateway, session_id, owner)
            got = await fare(gateway, method, path, caller)
            if got is not expected(rule, caller):
                failures.append(f"{method} {path} by {caller.name}: {got}, not {rule.name}")
    assert failures == []


async def test_the_studio_lets_nobody_in_by_what_the_api_takes(
    gateway: Gateway, provider: Provider
) -> None:
    routes = closed_routes(gateway.app)
    assert ("GET", "/admin") in routes
    failures: list[str] = []
    for caller in await callers(gateway, provider):
        headers = {"Authorization": caller.authorization} if caller.authorization else {}
        found = await let_in(gateway.client, routes, headers)
        failures.extend(f"{failure} by {caller.name}" for failure in found)
    assert failures == []


async def fare(gateway: Gateway, method: str, path: str, caller: Caller) -> Verdict:
    """Send a request and return how it fared."""
    body = BODIES.get((method, path), {} if method in {"POST", "PUT", "PATCH"} else None)
    filled = path.format_map(defaultdict(lambda: "x", session_id=caller.session_id))
    headers = {"Authorization": caller.authorization} if caller.authorization else {}
    status, answer = await head_of(gateway.app, method, filled, headers, body)
    return verdict_of(status, answer, caller.session_id)


async def test_a_route_without_a_rule_is_closed_and_found_out(gateway: Gateway) -> None:
    router = APIRouter()

    @router.get("/careless")
    async def careless() -> str:
        return "for everybody?"

    gateway.app.include_router(router, prefix="/api/claude-code")
    with pytest.raises(AssertionError, match="careless"):
        test_every_route_has_a_rule(gateway)
    assert (await gateway.client.get("/careless")).status_code == 401


async def test_the_body_of_a_stranger_is_not_read(gateway: Gateway) -> None:
    path, large = f"/sessions/{OWNERS}/files/a.txt", b"{" + b" " * 3_000_000
    answer = await gateway.client.post(path, content=large)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (
        401,
        'Bearer realm="moorage"',
    )


async def test_lists_show_ones_own(gateway: Gateway, provider: Provider) -> None:
    everybody = {caller.name: caller for caller in await callers(gateway, provider)}

    async def seen(name: str) -> set[str]:
        headers = {"Authorization": everybody[name].authorization or ""}
        answer = (await gateway.client.get("/sessions", headers=headers)).json()
        return {session["id"] for session in answer["sessions"]}

    assert await seen("owner") == await seen("owner's key") == {OWNERS}
    assert await seen("provided") == {PROVIDED}
    assert await seen("other") == await seen("other's key") == set()
    assert await seen("admin") == {OWNERS, PROVIDED}


async def test_a_session_belongs_to_who_made_it(gateway: Gateway) -> None:
    ada = await add_user(gateway, "ada")
    answer = await gateway.client.post(
        "/sessions", json={"projectPath": REPOSITORY}, headers=bearer(ada.access_token)
    )
    assert gateway.backend.get(answer.json()["id"]).spec.owner == ada.id
    assert await works(gateway, ada.access_token)
