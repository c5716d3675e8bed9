"""The studio: admins read the tables, nobody else gets in, nothing secret is on any page."""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy import insert, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.app import BASE, create_app
from moorage_gateway.db.tables import api_keys, audit_records, refresh_tokens, sign_ins, users
from moorage_gateway.settings import Settings
from moorage_gateway.studio.login import COOKIE
from moorage_gateway.studio.serving import create_studio
from moorage_gateway.studio.tables import SHOWN, ReadOnly
from moorage_testing.accounts import (
    PASSWORD,
    Clock,
    accounts_settings,
    add_user,
    ask,
    bearer,
    change_user,
    register,
)
from moorage_testing.gateway import Gateway, settings_for
from moorage_testing.redis import RedisServer
from moorage_testing.rows import fill
from moorage_testing.studio import closed_routes, let_in

HOME = "http://localhost/admin"
ADMIN = "ada@example.com"
SECRET = re.compile(r"hash|digest|secret|token|password|key$")
NO_SECRET = {"credentials_secret", "input_tokens", "output_tokens"}
"""The name of a Secret, and counts."""


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost")


async def log_in(client: httpx2.AsyncClient, **given: str) -> httpx2.Response:
    return await client.post(f"{HOME}/login", data=given)


async def make_admin(gateway: Gateway) -> str:
    """Make an admin who has a password, and return their id."""
    user_id: str = (await register(gateway, ADMIN))["user"]["id"]
    await change_user(gateway, user_id, role="admin")
    return user_id


@pytest.fixture
async def browser(gateway: Gateway) -> Any:
    """Return an admin's browser, logged in; every table has a row."""
    async with gateway.context.engine.begin() as connection:
        await connection.run_sync(fill)
    await make_admin(gateway)
    async with client_of(gateway.app) as client:
        answer = await log_in(client, username=ADMIN, password=PASSWORD)
        assert (answer.status_code, answer.headers["location"]) == (302, f"{HOME}/")
        yield client


async def is_in(client: httpx2.AsyncClient) -> bool:
    answer = await client.get(f"{HOME}/users/list")
    assert answer.status_code in {200, 302}
    return answer.status_code == 200


async def test_every_page_of_every_table_is_shown(
    gateway: Gateway, browser: httpx2.AsyncClient
) -> None:
    async with gateway.context.engine.begin() as connection:
        await connection.execute(update(users).values(password_hash="argon2-of-ada"))
        await connection.execute(update(api_keys).values(digest="digest-of-a-key"))
        tokens = set(await connection.scalars(select(refresh_tokens.c.digest))) - {"x"}
    for path in ("", "/"):
        assert "Moorage studio" in (await browser.get(HOME + path)).text
    assert len(_views(gateway)) == len(SHOWN)
    for view in _views(gateway):
        listed = await browser.get(f"{HOME}/{view.identity}/list")
        assert listed.status_code == 200, listed.text
        links = set(re.findall(rf'href="([^"]*/{view.identity}/details/[^"]+)"', listed.text))
        assert links, view.identity
        detail = await browser.get(links.pop())
        assert detail.status_code == 200, detail.text
        for secret in ("argon2-of-ada", "digest-of-a-key", *tokens):
            assert secret not in listed.text + detail.text


def test_no_column_that_lets_anybody_in_is_read() -> None:
    for shown in SHOWN:
        read = {column.key for column in shown.table.columns} - set(shown.hidden)
        assert not {name for name in read if SECRET.search(name)} - NO_SECRET, shown.table.name
        assert {*shown.listed, *shown.sought, shown.newest} <= read
    assert "password_hash" in next(one for one in SHOWN if one.table is users).hidden


def test_what_is_hidden_is_not_even_mapped(gateway: Gateway) -> None:
    for view in _views(gateway):
        columns: Any = inspect(view.model).columns
        mapped = {column.key for column in columns}
        assert mapped == {c.key for c in view.shown.table.columns} - set(view.shown.hidden)


def _views(gateway: Gateway) -> list[ReadOnly]:
    return list(gateway.app.state.studio._admin.views)


async def test_a_search_finds_by_the_whole_value(
    gateway: Gateway, browser: httpx2.AsyncClient
) -> None:
    ada, eve = await add_user(gateway, "ada2"), await add_user(gateway, "eve")
    found = (await browser.get(f"{HOME}/users/list", params={"search": ada.id})).text
    assert ada.id in found
    assert eve.id not in found
    nothing = await browser.get(f"{HOME}/users/list", params={"search": ada.id[:8]})
    assert ada.id not in nothing.text.replace(f'value="{ada.id[:8]}"', "")


async def test_every_route_by_everybody_else_leads_to_the_login(
    gateway: Gateway, browser: httpx2.AsyncClient
) -> None:
    """Whatever the API would take: the studio takes its own cookie alone."""
    admin, user = await add_user(gateway, "admin", role="admin"), await add_user(gateway, "user")
    answer = await ask(gateway, "POST", "/api-keys", admin.access_token, {"name": "script"})
    cookie = browser.cookies[COOKIE]
    strangers: list[dict[str, str]] = [
        {},
        bearer(admin.access_token),
        bearer(user.access_token),
        bearer(answer.json()["key"]),
        {"Cookie": f"{COOKIE}={admin.access_token}"},
        {"Cookie": f"{COOKIE}={cookie[:-2]}xx"},
        {"Cookie": f"{COOKIE}=eyJzaWduX2luIjogIngifQ==.{cookie.partition('.')[2]}"},
    ]
    routes = closed_routes(gateway.app)
    assert {("GET", "/admin"), ("GET", "/admin/"), ("GET", "/admin/x/list")} <= set(routes)
    assert len(routes) > 10
    async with client_of(gateway.app) as stranger:
        for headers in strangers:
            assert await let_in(stranger, routes, headers) == []


WRITES = (
    ("POST", "create"),
    ("POST", "edit/1"),
    ("GET", "create"),
    ("GET", "edit/1"),
    ("DELETE", "delete?pks=1"),
    ("GET", "export/csv"),
    ("POST", "import"),
)


async def test_nothing_can_be_changed(gateway: Gateway, browser: httpx2.AsyncClient) -> None:
    async with gateway.context.engine.begin() as connection:
        before = await _all_users(connection)
    for view in _views(gateway):
        for method, path in WRITES:
            answer = await browser.request(method, f"{HOME}/{view.identity}/{path}")
            assert answer.status_code == 403, (view.identity, method, path)
    async with gateway.context.engine.begin() as connection:
        assert await _all_users(connection) == before


async def _all_users(connection: AsyncConnection) -> list[Any]:
    return list((await connection.execute(select(users).order_by(users.c.id))).all())


async def test_postgresql_is_told_that_nothing_is_written(gateway: Gateway, dialect: str) -> None:
    """Were there a way to write, the database would refuse it; on SQLite there is only no way."""
    async with gateway.app.state.studio._sessions() as session:
        writing = session.execute(insert(sign_ins).values(id="x", user_id="nobody"))
        with pytest.raises(Exception, match="read-only" if dialect == "postgresql" else "NOT NULL"):
            await writing


async def test_who_is_no_admin_or_wrong_is_told_the_same(gateway: Gateway) -> None:
    await make_admin(gateway)
    user = await register(gateway, "eve@example.com")
    admin = await add_user(gateway, "root", role="admin")
    key = (await ask(gateway, "POST", "/api-keys", admin.access_token, {"name": "s"})).json()["key"]
    refused = [
        {"username": "eve@example.com", "password": PASSWORD},
        {"username": ADMIN, "password": "wrong password"},
        {"username": "nobody@example.com", "password": PASSWORD},
        {"username": "no address", "password": ""},
        {"token": user["accessToken"]},
        {"token": key},
        {"token": admin.refresh_token},
        {},
    ]
    async with client_of(gateway.app) as client:
        pages = [await log_in(client, **given) for given in refused]
        assert {page.status_code for page in pages} == {400}
        assert len({page.text for page in pages}) == 1
        assert COOKIE not in client.cookies
        assert not await is_in(client)


async def test_an_access_token_opens_it_too(gateway: Gateway) -> None:
    admin = await add_user(gateway, "root", role="admin")
    async with client_of(gateway.app) as client:
        assert (await log_in(client, token=admin.access_token)).status_code == 302
        assert await is_in(client)
        # Its own sign-in: the other one may end.
        assert (await ask(gateway, "POST", "/logout", admin.access_token)).is_success
        assert await is_in(client)


async def test_the_cookie_is_for_here_alone(gateway: Gateway, browser: httpx2.AsyncClient) -> None:
    async with client_of(gateway.app) as client:
        answer = await log_in(client, username=ADMIN, password=PASSWORD)
    (set_cookie,) = answer.headers.get_list("set-cookie")
    said = {part.strip().lower() for part in set_cookie.split(";")[1:]}
    assert {"path=/admin", "httponly", "samesite=strict", "max-age=28800"} <= said
    token = browser.cookies[COOKIE]
    assert (await gateway.client.get("/sessions", headers=bearer(token))).status_code == 401
    sent = {"Cookie": f"{COOKIE}={token}"}
    assert (await gateway.client.get("/sessions", headers=sent)).status_code == 401


def test_away_from_the_loopback_it_needs_https(home: Path, redis_server: RedisServer) -> None:
    settings = accounts_settings(home, redis_server.url).model_copy(update={"host": "0.0.0.0"})  # noqa: S104
    (middleware,) = create_studio(settings).state.studio._admin.authentication_backend.middlewares
    assert middleware.kwargs["https_only"] is True


@pytest.mark.parametrize(
    "change", [{"role": "user"}, {"disabled": True}, {"everywhere": True}, {"password": True}]
)
async def test_it_ends_at_once(
    gateway: Gateway, browser: httpx2.AsyncClient, clock: Clock, change: dict[str, Any]
) -> None:
    assert await is_in(browser)
    async with gateway.context.engine.connect() as connection:
        found = await connection.execute(select(users.c.id).where(users.c.email == ADMIN))
    user_id: str = found.scalar_one()
    login = {"email": ADMIN, "password": PASSWORD}
    token = (await ask(gateway, "POST", "/login", body=login)).json()["accessToken"]
    if "role" in change:
        await change_user(gateway, user_id, role="user")
    elif "disabled" in change:
        await change_user(gateway, user_id, disabled_at=clock())
    elif "everywhere" in change:
        assert (await ask(gateway, "POST", "/logout", token, {"everywhere": True})).is_success
    else:
        body = {"password": "another password", "currentPassword": PASSWORD}
        assert (await ask(gateway, "PATCH", "/me", token, body)).is_success
    assert not await is_in(browser)


async def test_it_ends_with_the_logout_and_in_time(
    gateway: Gateway, browser: httpx2.AsyncClient, clock: Clock
) -> None:
    kept = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    clock.turn(hours=7.9)
    assert await is_in(browser)
    assert (await browser.get(f"{HOME}/logout")).status_code == 302
    assert not await is_in(browser)
    async with client_of(gateway.app) as thief:  # who copied the cookie before
        assert (await thief.get(f"{HOME}/users/list", headers=kept)).status_code == 302
    await log_in(browser, username=ADMIN, password=PASSWORD)
    assert await is_in(browser)
    clock.turn(hours=8.1)
    assert not await is_in(browser)


async def test_guessing_is_limited_as_at_the_login(gateway: Gateway) -> None:
    await make_admin(gateway)
    async with client_of(gateway.app) as client:
        for _ in range(10):
            assert (await log_in(client, username=ADMIN, password="wrong")).status_code == 400
        answer = await log_in(client, username=ADMIN, password=PASSWORD)
        assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMITED")
        assert int(answer.headers["retry-after"]) > 0


async def test_another_page_cannot_log_anybody_in(gateway: Gateway) -> None:
    await make_admin(gateway)
    async with client_of(gateway.app) as client:
        client.headers["Origin"] = "https://evil.example"
        assert (await log_in(client, username=ADMIN, password=PASSWORD)).status_code == 403


async def test_a_page_loads_nothing_from_elsewhere_and_holds_no_script(
    gateway: Gateway, browser: httpx2.AsyncClient
) -> None:
    for path in ("/login", "/", "/users/list", "/sessions/details/x", "/nothing/list"):
        page = await browser.get(HOME + path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert re.findall(r"<script(?![^>]* src=)", page.text) == []
        assert re.findall(r"\son\w+=\"", page.text) == []
        for address in re.findall(r'(?:src|href|action)="([^"#]+)"', page.text):
            assert address.startswith(("http://localhost/admin", "/admin")), address
    script = await browser.get(f"{HOME}/statics/js/main.js")
    assert script.status_code == 200


async def test_who_got_in_is_in_the_audit_and_what_they_looked_at_in_the_log(
    gateway: Gateway, browser: httpx2.AsyncClient
) -> None:
    eve = await register(gateway, "eve@example.com")
    assert (await log_in(browser, token=eve["accessToken"])).status_code == 400
    await browser.get(f"{HOME}/messages/list")
    pages = [line for line in gateway.logs if line["event"] == "studio page"]
    assert pages[-1]["path"] == "/admin/messages/list"
    async with gateway.context.engine.connect() as connection:
        query = select(audit_records).where(audit_records.c.action == "studio.open")
        rows = (await connection.execute(query.order_by(audit_records.c.position))).all()
    assert [(row.outcome, row.via, row.actor_id) for row in rows] == [
        ("done", "password", pages[-1]["user_id"]),
        ("refused", "sign_in", eve["user"]["id"]),
    ]
    assert all(row.address and row.request_id for row in rows)
    assert PASSWORD not in str(gateway.logs)


async def test_it_is_not_there_unless_it_is_asked_for(
    home: Path, redis_server: RedisServer
) -> None:
    app = create_app(accounts_settings(home, redis_server.url), _none)
    async with client_of(app) as client:
        assert (await client.get("/admin/login")).status_code == 404
    with pytest.raises(ValidationError, match="MOORAGE_STUDIO__ENABLED needs MOORAGE_AUTH=users"):
        settings_for(home, redis_server.url, studio={"enabled": True})


def _none(*_: object) -> Any:
    raise NotImplementedError


async def test_alone_it_shows_the_tables_and_nothing_else(
    home: Path, redis_server: RedisServer, database_url: str, clock: Clock, gateway: Gateway
) -> None:
    await make_admin(gateway)
    settings: Settings = gateway.context.settings
    app = create_studio(settings, clock)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get(f"{BASE}/health")).status_code == 404
        assert not await is_in(client)
        assert (await log_in(client, username=ADMIN, password=PASSWORD)).status_code == 302
        assert await is_in(client)
        evil = await client.get("/admin/", headers={"Host": "evil.example"})
        assert evil.status_code == 403
