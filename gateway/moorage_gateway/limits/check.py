"""Counts a request before it does anything, and tells every answer the limits.

The header fields are those of draft-ietf-httpapi-ratelimit-headers-10 (decision record 0038).
"""

import ipaddress
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage_gateway.auth.principal import Principal
from moorage_gateway.context import Context
from moorage_gateway.errors import RateLimited
from moorage_gateway.limits.rules import LimitName, Rule, limit_for, open_limit_for
from moorage_gateway.limits.standing import Standing

_KEY: Final = "limit_headers"
EXPOSED_HEADERS: Final = ("RateLimit", "RateLimit-Policy", "Retry-After")
"""What a page of another origin may read."""


async def count(scope: Scope, context: Context, principal: Principal | None) -> None:
    """Count a request whose route is known, unless it was counted.

    It counts for its user or, where nobody need be signed in, for the address that it comes from.

    Raises:
        RateLimited: if it is one too many.
        Unavailable: if Redis is away and the limit then refuses.
    """
    if context.limiter is not None and _KEY not in scope["state"]:
        name, who = _counted_as(scope, principal)
        standing = await context.limiter.take(name, who)
        _tell(scope, context.limiter.rules[name], standing)


def _counted_as(scope: Scope, principal: Principal | None) -> tuple[LimitName, str]:
    path = scope["route"].path
    if principal is None:
        return open_limit_for(path), client_of(Request(scope))
    return limit_for(scope["method"], path), principal.user_id


def client_of(request: Request) -> str:
    """Return the address that counts: of IPv6 the first 64 bits, which one customer has whole."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.ip_network((address, 64), strict=False))


def _tell(scope: Scope, rule: Rule, standing: Standing) -> None:
    """Note the header fields for the answer, whatever it will be; refuse what is too much."""
    scope["state"][_KEY] = header_fields(rule, standing)
    if not standing.admitted:
        raise RateLimited(rule.amount, rule.window_seconds, standing.retry_after_seconds)


def header_fields(rule: Rule, standing: Standing) -> Sequence[tuple[bytes, bytes]]:
    """Return what an answer says of the limit: the policy, and how it stands."""
    policy = f'"{rule.name}";q={rule.amount};w={rule.window_seconds}'
    limit = f'"{rule.name}";r={standing.remaining};t={standing.reset_seconds}'
    return ((b"ratelimit-policy", policy.encode()), (b"ratelimit", limit.encode()))


class LimitHeaders:
    """Adds the header fields to every answer to a request that was counted, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def send_with_fields(message: Message) -> None:
            if message["type"] == "http.response.start" and _KEY in state:
                message = {**message, "headers": [*message["headers"], *state[_KEY]]}
            await send(message)

        await self._app(scope, receive, send_with_fields)
