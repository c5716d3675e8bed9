"""Whose token it is: looked up with every request, so that a revoked one ends at once."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from redis.asyncio import Redis

from moorage_api.grant import GRANT_FIELD, TOKEN_FIELD, Grant, is_token, session_of
from moorage_api.keys import SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_gateway.credential_proxy.errors import NotSignedIn, Unavailable


@dataclass(frozen=True, slots=True)
class Session:
    """Who asks, and what they may do."""

    id: str
    grant: Grant

    @property
    def keys(self) -> SessionKeys:
        """Its keys in Redis."""
        return SessionKeys(self.id)


class Passes:
    """Finds sessions by their tokens."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def session(self, token: str) -> Session:
        """Return the session whose token this is.

        Raises:
            NotSignedIn: It is none's.
            Unavailable: Redis does not answer.
        """
        session_id = session_of(token)
        if session_id is None:
            raise NotSignedIn
        fields = [TOKEN_FIELD.decode(), GRANT_FIELD.decode()]
        try:
            found: Any = await self._redis.hmget(SessionKeys(session_id).grant, fields)
        except FAILURES:
            raise Unavailable from None
        digest, raw = found
        if digest is None or raw is None or not is_token(token, digest):
            raise NotSignedIn
        try:
            return Session(session_id, Grant.model_validate_json(raw))
        except ValidationError:
            raise NotSignedIn from None
