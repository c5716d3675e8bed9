"""What a process needs where users log in: opened at the start, closed at the end."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_gateway.auth.authenticator import Authenticator
from moorage_gateway.auth.keys import SigningKeys
from moorage_gateway.auth.passwords import Passwords
from moorage_gateway.settings import LoginSettings, OidcSettings, Settings, is_loopback

if TYPE_CHECKING:
    from moorage_gateway.auth.oidc import Oidc

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Logins:
    """The parts."""

    settings: LoginSettings
    authenticator: Authenticator
    keys: SigningKeys
    passwords: Passwords


@asynccontextmanager
async def open_logins(
    settings: Settings, engine: AsyncEngine, clock: Callable[[], datetime]
) -> AsyncIterator[Logins | None]:
    """Yield the parts, with a key to sign with; None where nobody logs in."""
    if settings.auth == "none":
        yield None
        return
    login = settings.login
    if login.registration == "open" and not is_loopback(settings.host):
        log.warning("everybody who reaches the gateway may register", host=settings.host)
    keys = SigningKeys(engine, login)
    await keys.current(clock())
    async with AsyncExitStack() as stack:
        passwords = Passwords(login.hash_threads)
        stack.callback(passwords.close)
        oidc = await stack.enter_async_context(_provider(settings.oidc))
        recheck = timedelta(seconds=login.recheck_seconds)
        authenticator = Authenticator(engine, keys, oidc, recheck, settings.oidc, clock)
        yield Logins(login, authenticator, keys, passwords)


@asynccontextmanager
async def _provider(settings: OidcSettings) -> AsyncIterator["Oidc | None"]:
    if settings.issuer is None:
        yield None
        return
    import httpx2  # noqa: PLC0415 - brings an HTTP client, which only a provider needs

    from moorage_gateway.auth.jwks import Jwks  # noqa: PLC0415
    from moorage_gateway.auth.oidc import Oidc  # noqa: PLC0415

    async with httpx2.AsyncClient(timeout=settings.timeout_seconds) as client:
        yield Oidc(settings, Jwks(settings, client))
