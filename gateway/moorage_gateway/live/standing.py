"""Ends the streams of those who may not listen any more.

A stream is let in once and then lasts for hours; it is bound to what its client showed: a sign-in
(not the access token, which lasts for minutes), an API key or a provider's token. A sign-out, a
deleted key, an expired token, a disabled user or another role ends it, within some seconds.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_gateway.auth.principal import Credential, Principal, Role
from moorage_gateway.auth.repository import Holder, IdentityRepository
from moorage_gateway.live.hub import Hub
from moorage_gateway.settings import OidcSettings

_SHORTEST_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)
Standing = dict[Credential, dict[str, Holder]]


class StreamGuard:
    """Looks, every few seconds, whether those who hold streams open still may."""

    def __init__(
        self,
        hub: Hub,
        engine: AsyncEngine,
        clock: Callable[[], datetime],
        seconds: float,
        oidc: OidcSettings,
    ) -> None:
        self._hub = hub
        self._engine = engine
        self._clock = clock
        self._seconds = max(seconds, _SHORTEST_SECONDS)
        self._oidc = oidc

    async def run(self) -> None:
        """Look until cancelled. While the database is away streams go on."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.once()
            except (SQLAlchemyError, OSError) as error:
                log.warning("streams go on unchecked", reason=type(error).__name__)

    async def once(self) -> None:
        """End the streams of those who may not listen any more."""
        clients = tuple(self._hub.clients)
        held = {client.principal for client in clients if client.principal.credential != "none"}
        if not held:
            return
        now = self._clock()
        standing = await self._standing(held, now)
        for client in clients:
            if client.principal in held and not may_stay(client.principal, standing, now):
                client.end("signed_out")

    async def _standing(self, held: Iterable[Principal], now: datetime) -> Standing:
        ids: dict[Credential, set[str]] = {"sign_in": set(), "api_key": set(), "oidc": set()}
        for principal in held:
            ids[principal.credential].add(_key_of(principal))
        async with self._engine.connect() as connection:
            repository = IdentityRepository(connection, self._oidc)
            sign_ins = await repository.sign_ins(sorted(ids["sign_in"]), now)
            keys = await repository.api_keys(sorted(ids["api_key"]), now)
            users = await repository.enabled(sorted(ids["oidc"]))
        return {
            "sign_in": {holder.credential_id: holder for holder in sign_ins},
            "api_key": {holder.credential_id: holder for holder in keys},
            "oidc": {holder.user_id: holder for holder in users},
        }


def may_stay(principal: Principal, standing: Standing, now: datetime) -> bool:
    """Return whether a stream that ``principal`` was let in to goes on."""
    holder = standing[principal.credential].get(_key_of(principal))
    if holder is None or not _same(principal, holder.user_id, holder.role):
        return False
    expires_at = principal.expires_at if principal.credential == "oidc" else holder.expires_at
    return expires_at is None or expires_at > now


def _same(principal: Principal, user_id: str, role: Role | None) -> bool:
    return (principal.user_id, principal.role) == (user_id, role)


def _key_of(principal: Principal) -> str:
    return principal.user_id if principal.credential == "oidc" else principal.credential_id
