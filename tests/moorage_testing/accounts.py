"""Users of a gateway for tests: settings with accounts, a clock to turn, logins and tokens."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2

from moorage_gateway.accounts.repository import LOCAL_ISSUER, AccountRepository, UserRow
from moorage_gateway.accounts.sign_ins import SignIns
from moorage_gateway.app import AUTH
from moorage_gateway.auth.principal import Role
from moorage_gateway.requests import random_id
from moorage_gateway.settings import Settings
from moorage_testing.gateway import Gateway, settings_for

SECRET: Final = "0123456789abcdef0123456789abcdef"
PASSWORD: Final = "correct horse battery"


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.moment

    def turn(self, **by: float) -> None:
        """Turn the clock forward, as timedelta takes it."""
        self.moment += timedelta(**by)


def accounts_settings(home: Path, redis_url: str, **changes: Any) -> Settings:
    """Return settings with accounts."""
    login = {"secret": SECRET} | changes.pop("login", {})
    return settings_for(home, redis_url, auth="users", login=login, **changes)


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows ``token``."""
    return {"Authorization": f"Bearer {token}"}


async def ask(
    gateway: Gateway, method: str, path: str, token: str | None = None, body: Any = None
) -> httpx2.Response:
    """Send a request to /api/auth."""
    return await gateway.client.request(
        method,
        f"http://localhost{AUTH}{path}",
        json=body,
        headers=bearer(token) if token else None,
    )


async def register(gateway: Gateway, email: str = "ada@example.com", **fields: Any) -> Any:
    """Make an account and return the answer's body."""
    body = {"email": email, "password": PASSWORD} | fields
    answer = await ask(gateway, "POST", "/register", body=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def refresh(gateway: Gateway, token: str) -> httpx2.Response:
    """Exchange a refresh token."""
    return await ask(gateway, "POST", "/refresh", body={"refreshToken": token})


async def works(gateway: Gateway, token: str) -> bool:
    """Return whether a token is good."""
    status = (await ask(gateway, "GET", "/me", token)).status_code
    assert status in {200, 401}
    return status == 200


@dataclass(frozen=True)
class User:
    """A user with a sign-in."""

    id: str
    access_token: str
    refresh_token: str


async def add_user(gateway: Gateway, name: str, role: Role = "user") -> User:
    """Add a user who has no password, and sign them in: quicker than through a login."""
    moment = gateway.context.clock()
    row = UserRow(
        id=random_id(),
        issuer=LOCAL_ISSUER,
        subject=f"{name}@example.com",
        email=f"{name}@example.com",
        name=None,
        role=role,
        password_hash=None,
        created_at=moment,
        updated_at=moment,
    )
    async with gateway.context.engine.begin() as connection:
        assert await AccountRepository(connection).add(row)
    return await sign_in(gateway, row)


async def sign_in(gateway: Gateway, row: UserRow) -> User:
    """Sign a user in."""
    assert gateway.context.logins is not None
    pair = await SignIns(gateway.context, gateway.context.logins).open(row)
    return User(row.id, pair.access_token, pair.refresh_token)


async def change_user(gateway: Gateway, user_id: str, **values: Any) -> None:
    """Set columns of a user, as an administrator does in the database."""
    async with gateway.context.engine.begin() as connection:
        await AccountRepository(connection).change(user_id, **values)
