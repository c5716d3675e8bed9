"""GitHub Apps: a signed statement is exchanged for a token of one repository."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import jwt
import structlog
from yarl import URL

from moorage_gateway.credential_proxy.errors import GitAway, GitRefused, git_not_reached
from moorage_gateway.credential_proxy.git.repositories import Address

APP_ID: Final = "githubAppId"
_KEY: Final = "githubAppPrivateKey"
_INSTALLATION: Final = "githubAppInstallationId"
_URL: Final = "githubApiUrl"
_PUBLIC: Final = "https://api.github.com"
_MARGIN: Final = 300.0
"""Seconds before its end from which a token is not used any more."""

_STATEMENT_SECONDS: Final = 540
_SKEW_SECONDS: Final = 60
_CREATED: Final = 201
_OK: Final = 200
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15.0)
_log = structlog.get_logger(__name__)


class GitHubApps:
    """Gets tokens, and keeps them while they last."""

    def __init__(
        self, client: aiohttp.ClientSession, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._clock = clock
        self._tokens: dict[tuple[str, ...], tuple[str, float]] = {}
        self._lock = asyncio.Lock()

    async def token(self, values: Mapping[str, str], address: Address) -> str:
        """Return a token for one repository, which may read and write its contents.

        Raises:
            GitRefused: GitHub gives none, or its address is refused.
            GitAway: It does not answer, or cannot just now.
        """
        place = (values[APP_ID].strip(), values.get(_URL, ""), address.host, address.path)
        async with self._lock:
            token, ends = self._tokens.get(place, ("", 0.0))
            if ends - self._clock() > _MARGIN:
                return token
            try:
                token, ends = await self._ask(values, address)
            except (aiohttp.ClientConnectionError, OSError) as error:
                _log.warning("no token from GitHub", cause=type(error).__name__)
                raise git_not_reached("GitHub", error) from None
            except (aiohttp.ClientError, ValueError, KeyError, jwt.PyJWTError) as error:
                _log.warning("no token from GitHub", cause=type(error).__name__)
                raise GitRefused("GitHub gave no token for this repository.") from None
            now = self._clock()
            alive = {key: kept for key, kept in self._tokens.items() if kept[1] > now}
            self._tokens = alive | {place: (token, ends)}
            return token

    async def _ask(self, values: Mapping[str, str], address: Address) -> tuple[str, float]:
        """Exchange a statement for a token."""
        api = values.get(_URL, "").strip().rstrip("/") or _api_of(address)
        owner, _, name = address.path.strip("/").partition("/")
        proof = {"Authorization": f"Bearer {self._statement(values)}"}
        number = values.get(_INSTALLATION, "").strip()
        if not number:
            path = f"/repos/{quote(owner)}/{quote(name)}/installation"
            number = str((await self._call("GET", api + path, proof, None, _OK))["id"])
        body = {"repositories": [name], "permissions": {"contents": "write"}}
        url = f"{api}/app/installations/{int(number)}/access_tokens"
        answer = await self._call("POST", url, proof, body, _CREATED)
        ends = datetime.fromisoformat(str(answer["expires_at"]))
        return str(answer["token"]), ends.timestamp()

    def _statement(self, values: Mapping[str, str]) -> str:
        now = int(self._clock())
        claims = {
            "iss": values[APP_ID].strip(),
            "iat": now - _SKEW_SECONDS,
            "exp": now + _STATEMENT_SECONDS,
        }
        return jwt.encode(claims, values[_KEY], algorithm="RS256")

    async def _call(
        self, method: str, url: str, proof: Mapping[str, str], body: Any, expected: int
    ) -> dict[str, Any]:
        headers = {**proof, "Accept": "application/vnd.github+json", "User-Agent": "moorage"}
        async with self._client.request(
            method,
            URL(url, encoded=True),
            headers=headers,
            json=body,
            allow_redirects=False,
            timeout=_TIMEOUT,
        ) as response:
            if response.status != expected:
                _log.warning("GitHub refuses", status=response.status)
                if _later(response):
                    raise GitAway("GitHub does not answer such requests just now.")
                raise ValueError(response.status)
            answer: dict[str, Any] = await response.json()
            return answer


def _later(response: aiohttp.ClientResponse) -> bool:
    """Whether the same request may well be answered later: an error of theirs, or a rate limit.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    limited = response.headers.get("x-ratelimit-remaining") == "0"
    refused = response.status == HTTPStatus.FORBIDDEN
    return (
        response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or response.status == HTTPStatus.TOO_MANY_REQUESTS
        or (refused and (limited or "retry-after" in response.headers))
    )


def _api_of(address: Address) -> str:
    if address.host == "github.com":
        return _PUBLIC
    return f"{address.scheme}://{address.host}/api/v3"  # GitHub Enterprise Server
