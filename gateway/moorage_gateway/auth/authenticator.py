"""From a bearer token to who asks: an API key, an access token of ours, or a provider's token.

What was found of a token is kept for some seconds, so that a busy client costs a dictionary lookup
a request; a token that was revoked by another process works here no longer than that. Nothing is
kept of tokens that are refused.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moorage_gateway.auth import access_tokens
from moorage_gateway.auth.keys import SigningKeys
from moorage_gateway.auth.principal import Principal
from moorage_gateway.auth.repository import Holder, IdentityRepository
from moorage_gateway.auth.tokens import API_KEY, digest_of
from moorage_gateway.errors import Forbidden, MembershipLapsed, Unauthorized
from moorage_gateway.first import First
from moorage_gateway.settings import OidcSettings

if TYPE_CHECKING:
    from moorage_gateway.auth.oidc import Oidc

_KEPT: Final = 10_000
_LONGEST_TOKEN: Final = 16_384
_USE_NOTED_EVERY: Final = timedelta(minutes=1)
_GROUPS_NOTED_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Found:
    principal: Principal
    until: datetime


class Authenticator:
    """Finds out who sends requests."""

    def __init__(
        self,
        engine: AsyncEngine,
        keys: SigningKeys,
        oidc: "Oidc | None",
        recheck: timedelta,
        oidc_settings: OidcSettings,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._oidc = oidc
        self._recheck = recheck
        self._oidc_settings = oidc_settings
        self._clock = clock
        self._found: OrderedDict[str, _Found] = OrderedDict()
        self._changes = 0
        self._looking: First[str] = First()

    async def authenticate(self, authorization: str | None) -> Principal:
        """Return who sends a request with this Authorization header.

        Raises:
            Unauthorized: if it holds no token that is good.
            Forbidden: if a provider vouches for somebody who may not come in.
            Unavailable: if a provider's keys cannot be had.
        """
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not 0 < len(token) <= _LONGEST_TOKEN:
            raise Unauthorized
        digest = digest_of(token)
        if (principal := self._known(digest)) is not None:
            return principal
        # Of many requests at once with a token that has to be looked at again, one does.
        if await self._looking.wait(digest) and (principal := self._known(digest)) is not None:
            return principal
        with self._looking.doing(digest):
            now, changes = self._clock(), self._changes
            principal = await self._find(token, digest, now)
            if changes == self._changes:  # else it may be of before what was changed
                self._keep(digest, principal, now)
            return principal

    def forget(self, user_id: str) -> None:
        """Look again at the user's tokens: something about them has changed."""
        self._changes += 1
        for digest, found in list(self._found.items()):
            if found.principal.user_id == user_id:
                del self._found[digest]

    def _known(self, digest: str) -> Principal | None:
        found = self._found.get(digest)
        return found.principal if found is not None and found.until > self._clock() else None

    def _keep(self, digest: str, principal: Principal, now: datetime) -> None:
        until = now + self._recheck
        if principal.expires_at is not None:
            until = min(until, principal.expires_at)
        self._found[digest] = _Found(principal, until)
        self._found.move_to_end(digest)
        if len(self._found) > _KEPT:
            self._found.popitem(last=False)

    def _identities(self, connection: AsyncConnection) -> IdentityRepository:
        return IdentityRepository(connection, self._oidc_settings)

    async def _find(self, token: str, digest: str, now: datetime) -> Principal:
        if token.startswith(API_KEY):
            return await self._by_api_key(digest, now)
        key_id = access_tokens.key_id_of(token)
        if key_id is None:
            raise Unauthorized
        key = await self._keys.find(key_id, now)
        if key is None:
            return await self._by_provider(token, key_id, now)
        claims = access_tokens.read(token, key, now)
        if claims is None:
            raise Unauthorized
        return await self._by_sign_in(claims, now)

    async def _by_sign_in(self, claims: access_tokens.AccessClaims, now: datetime) -> Principal:
        async with self._engine.connect() as connection:
            holder = await self._identities(connection).sign_in(claims.sign_in_id, now)
        if holder is None or holder.role is None or holder.user_id != claims.user_id:
            raise Unauthorized
        return Principal(
            holder.user_id, holder.role, "sign_in", holder.credential_id, claims.expires_at
        )

    async def _by_api_key(self, digest: str, now: datetime) -> Principal:
        async with self._engine.connect() as connection:
            holder = await self._identities(connection).api_key(digest, now)
        if holder is None:
            raise Unauthorized
        if holder.role is None:
            raise MembershipLapsed
        if holder.used_at is None or now - holder.used_at > _USE_NOTED_EVERY:
            async with self._engine.begin() as connection:
                await self._identities(connection).key_was_used(holder.credential_id, now)
        return Principal(
            holder.user_id,
            holder.role,
            "api_key",
            holder.credential_id,
            holder.expires_at,
            holder.groups,
        )

    async def _by_provider(self, token: str, key_id: str, now: datetime) -> Principal:
        if self._oidc is None:
            raise Unauthorized
        identity = await self._oidc.identify(token, key_id, now)
        async with self._engine.connect() as connection:
            holder: Holder | None = await self._identities(connection).provided(identity)
        if holder is None:  # new, changed or disabled
            async with self._engine.begin() as connection:
                holder = await self._identities(connection).keep_provided(identity, now)
        if identity.role is None:
            raise Forbidden("none of your groups may use this gateway")
        if holder is None:
            raise Unauthorized
        if holder.used_at is None or now - holder.used_at > _GROUPS_NOTED_EVERY:
            async with self._engine.begin() as connection:
                await self._identities(connection).groups_were_said(holder.user_id, now)
        return Principal(
            holder.user_id, identity.role, "oidc", "", identity.expires_at, identity.groups
        )
