"""An identity provider's public keys: found, fetched, kept, and looked for anew when unknown."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2
import jwt
import structlog

from moorage_gateway.errors import Unavailable
from moorage_gateway.settings import OidcSettings, is_loopback

_AT_MOST_EVERY: Final = timedelta(seconds=10)
"""How often unknown key ids make us ask: anybody can send them."""
_KEPT: Final = timedelta(hours=1)
"""How long keys are used beyond their time while the provider does not answer."""
_LARGEST: Final = 1024 * 1024
_DISCOVERY: Final = "/.well-known/openid-configuration"
_FAILURES: Final = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    ValueError,
    RecursionError,  # of JSON that is nested too deeply
    TimeoutError,
)

log = structlog.get_logger(__name__)


class Jwks:
    """The provider's keys by id. ``key`` asks the provider only when it must."""

    def __init__(self, settings: OidcSettings, client: httpx2.AsyncClient) -> None:
        self._settings = settings
        self._client = client
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def key(self, key_id: str, now: datetime) -> jwt.PyJWK | None:
        """Return the key, or None if the provider has none of this id.

        Raises:
            Unavailable: if the provider does not answer, and what is kept is too old.
        """
        if not self._is_fresh(now) or key_id not in self._keys:
            async with self._lock:  # one asks for all
                if not self._is_fresh(now) or key_id not in self._keys:
                    await self._refresh(now)
        return self._keys.get(key_id)

    def _is_fresh(self, now: datetime) -> bool:
        fetched = self._fetched_at
        life = timedelta(seconds=self._settings.cache_seconds)
        return fetched is not None and now - fetched < life

    async def _refresh(self, now: datetime) -> None:
        if self._asked_at is not None and now - self._asked_at < _AT_MOST_EVERY:
            self._require_some(now)
            return
        self._asked_at = now
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                self._keys = _keys_in(await self._document(await self._address()))
        except _FAILURES as error:
            log.warning("identity provider does not answer", reason=type(error).__name__)
            self._require_some(now)
        else:
            self._fetched_at = now

    def _require_some(self, now: datetime) -> None:
        life = timedelta(seconds=self._settings.cache_seconds) + _KEPT
        if self._fetched_at is None or now - self._fetched_at > life:
            raise Unavailable("the identity provider")

    async def _address(self) -> str:
        """Return where the keys are."""
        if self._settings.jwks_url is not None:
            return self._settings.jwks_url
        issuer = self._settings.issuer or ""
        found = await self._document(issuer.rstrip("/") + _DISCOVERY)
        address = httpx2.URL(str(found.get("jwks_uri", "")))
        if found.get("issuer") != issuer:
            msg = "the provider's configuration is another issuer's"
            raise ValueError(msg)
        if address.scheme != "https" and not is_loopback(address.host):
            msg = "the provider's keys are not at an https:// address"
            raise ValueError(msg)
        return str(address)

    async def _document(self, address: str) -> dict[str, Any]:
        body = b""
        headers = {"Accept": "application/json"}
        async with self._client.stream("GET", address, headers=headers) as answer:
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST:
                    msg = "the provider's answer is too large"
                    raise ValueError(msg)
        document = httpx2.Response(200, content=body).json()
        if not isinstance(document, dict):
            msg = "the provider's answer is no object"
            raise ValueError(msg)  # noqa: TRY004 - of what came over the network, not of a caller
        return document


def _keys_in(document: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """Return the keys for signatures in a set; what cannot be used (or is secret) is left out."""
    listed = document.get("keys")
    keys = [_key_in(item) for item in listed] if isinstance(listed, list) else []
    found = {key.key_id: key for key in keys if key is not None and key.key_id is not None}
    if not found:
        msg = "the provider lists no key for signatures"
        raise ValueError(msg)
    return found


def _key_in(item: Any) -> jwt.PyJWK | None:
    """Return the key for signatures that an entry of a set is, if it is one."""
    if not isinstance(item, dict) or item.get("use", "sig") != "sig":
        return None
    # A tuple: what came over the network need not be hashable.
    if item.get("kty") not in ("RSA", "EC", "OKP") or not isinstance(item.get("kid"), str):
        return None
    try:
        return jwt.PyJWK(item)
    except (jwt.PyJWKError, jwt.InvalidKeyError, TypeError, ValueError):
        return None
