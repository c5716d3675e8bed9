"""Who may into the studio: admins, by a sign-in of its own that a signed cookie names.

The cookie holds the id of a sign-in and no token: shown to the API it is worth nothing. Each page
asks the database whether the sign-in stands and its user is an admin still, so that logging out
everywhere, another password, disabling the user or taking the role away works at once.
"""

import hmac
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog
from pydantic import SecretStr, ValidationError
from sqladmin.authentication import AuthenticationBackend
from starlette.requests import Request

from moorage_gateway.accounts.repository import AccountRepository
from moorage_gateway.accounts.schemas import Login
from moorage_gateway.accounts.service import AccountService
from moorage_gateway.audit.acts import Act, Action, Outcome
from moorage_gateway.audit.caller import Caller, present
from moorage_gateway.audit.record import record
from moorage_gateway.auth.principal import Principal, current_person
from moorage_gateway.auth.repository import Holder, IdentityRepository
from moorage_gateway.context import AccountContext
from moorage_gateway.errors import Forbidden, RateLimited, Unauthorized
from moorage_gateway.limits.check import client_of
from moorage_gateway.limits.rules import LimitName
from moorage_gateway.requests import random_id
from moorage_gateway.settings import Settings, is_loopback

COOKIE: Final = "moorage_studio"
HOURS: Final = 8
_SIGN_IN: Final = "sign_in"

log = structlog.get_logger(__name__)


class StudioLogin(AuthenticationBackend):
    """sqladmin's question who asks, answered by the gateway's own accounts."""

    def __init__(
        self, settings: Settings, path: str, context: Callable[[], AccountContext]
    ) -> None:
        super().__init__(
            _cookie_key(settings.login.secret),
            session_cookie=COOKIE,
            path=path,
            max_age=HOURS * 3600,
            same_site="strict",
            https_only=not is_loopback(settings.host),
        )
        self._context = context
        self._oidc = settings.oidc

    async def login(self, request: Request) -> bool:
        """Log an admin in; what is wrong with a refused login is not told.

        Raises:
            RateLimited: if there were too many attempts from this address, or for this account.
            Unavailable: if they cannot be counted.
        """
        await self._count(request)
        form = await request.form(max_files=0, max_fields=4)
        given = {name: str(form.get(name, "")) for name in ("username", "password", "token")}
        try:
            found = await self._find(**given)
        except (Unauthorized, Forbidden, ValidationError) as refusal:
            log.warning("studio login refused", cause=type(refusal).__name__)
            return False
        if found.role != "admin":
            await self._refuse(found)
            return False
        request.session.clear()
        request.session[_SIGN_IN] = await self._open(found)
        return True

    async def authenticate(self, request: Request) -> bool:
        """Return whether an admin asks."""
        holder = await self._holder(request)
        if holder is None or holder.role != "admin":
            return False
        log.info("studio page", user_id=holder.user_id, path=request.url.path)
        return True

    async def logout(self, request: Request) -> bool:
        """End the sign-in."""
        holder = await self._holder(request)
        if holder is not None:
            await AccountService(self._context()).sign_ins.end(holder.user_id, holder.credential_id)
        request.session.clear()
        return True

    async def _count(self, request: Request) -> None:
        """Count an attempt with the logins of its address."""
        limiter = self._context().limiter
        if limiter is not None:
            standing = await limiter.take(LimitName.LOGINS, client_of(request))
            if not standing.admitted:
                rule = limiter.rules[LimitName.LOGINS]
                raise RateLimited(rule.amount, rule.window_seconds, standing.retry_after_seconds)

    async def _find(self, username: str, password: str, token: str) -> Principal:
        """Return whose password or access token this is."""
        accounts = AccountService(self._context())
        if token:
            shown = await accounts.logins.authenticator.authenticate(f"Bearer {token.strip()}")
            return await current_person(shown)
        user = await accounts.check(Login(email=username, password=SecretStr(password)))
        return Principal(user.id, user.role)

    async def _refuse(self, found: Principal) -> None:
        """Record that somebody who is no admin wanted in."""
        context = self._context()
        async with context.engine.begin() as connection:
            act = Act(Action.STUDIO_OPEN, found.user_id, Outcome.REFUSED)
            await record(connection, context.clock(), act, _caller(found))

    async def _open(self, found: Principal) -> str:
        """Begin a sign-in that has no tokens."""
        context, sign_in_id = self._context(), random_id()
        now = context.clock()
        until = now + timedelta(hours=HOURS)
        if found.credential == "oidc" and found.expires_at is not None:
            # No longer than what the token's groups say is kept for API keys.
            until = min(until, found.expires_at + self._oidc.groups_kept)
        async with context.engine.begin() as connection:
            await AccountRepository(connection).open_sign_in(sign_in_id, found.user_id, now, until)
            act = Act(Action.STUDIO_OPEN, found.user_id)
            await record(connection, now, act, _caller(found))
        return sign_in_id

    async def _holder(self, request: Request) -> Holder | None:
        """Return whose sign-in the cookie names, if it stands."""
        sign_in_id = request.session.get(_SIGN_IN)
        if not isinstance(sign_in_id, str):
            return None
        context = self._context()
        async with context.engine.connect() as connection:
            identities = IdentityRepository(connection, self._oidc)
            return await identities.sign_in(sign_in_id, context.clock())


def _caller(found: Principal) -> Caller:
    """Return whose request this is: it was let in by a password unless a token came with it."""
    if found.credential == "none":
        return present.get().known_as(found.user_id, "password")
    return present.get().showing(found)


def _cookie_key(secret: SecretStr | None) -> str:
    """Return what signs the cookies: another login secret logs everybody out here."""
    if secret is None:
        msg = "there is no login secret"
        raise ValueError(msg)
    root = secret.get_secret_value().encode()
    return hmac.digest(root, b"moorage studio cookie", "sha256").hex()
