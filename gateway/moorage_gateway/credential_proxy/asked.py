"""What a request to the model asks for, as far as it has to be known here."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic_core import from_json

from moorage_gateway.credential_proxy.budgets import Estimate
from moorage_gateway.credential_proxy.errors import BadRequest

_BYTES_PER_TOKEN: Final = 3
_WINDOW: Final = 1_000_000
"""Tokens that no model takes more of: what is larger are pictures and documents."""

_AT_ONCE: Final = 1024 * 1024
"""Bytes that are read without leaving the loop to others."""

_NEVER_ASKED: Final = 64_000
"""Tokens of output that are assumed where a request names none."""

_PASSED_ON: Final = frozenset({"accept", "content-type", "user-agent", "x-app"})
_PREFIXES: Final = ("anthropic-", "x-stainless-", "x-claude-")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the model."""

    model: str
    estimate: Estimate


async def read_asked(body: bytes) -> Asked:
    """Return what a body asks for.

    Raises:
        BadRequest: It is no request.
    """
    if len(body) > _AT_ONCE:
        return await asyncio.to_thread(_read, body)
    return _read(body)


def _read(body: bytes) -> Asked:
    try:
        data = from_json(body)
    except ValueError:
        raise BadRequest("The request is no JSON.") from None
    model = data.get("model") if isinstance(data, dict) else None
    if not isinstance(model, str) or not model:
        raise BadRequest("model: a name is needed.")
    most = data.get("max_tokens")
    output = most if type(most) is int and 0 < most <= _WINDOW else _NEVER_ASKED
    return Asked(model, Estimate(min(len(body) // _BYTES_PER_TOKEN, _WINDOW), output))


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that go upstream: none that proves anything, nor one of the connection.

    The answer must come as it is meant, so that what it used can be read.
    """
    kept = {
        name: value
        for name, value in headers.items()
        if name.lower() in _PASSED_ON or name.lower().startswith(_PREFIXES)
    }
    return {**kept, "Accept-Encoding": "identity"}
