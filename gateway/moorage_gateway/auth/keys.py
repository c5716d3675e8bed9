"""The keys that sign access tokens: derived from the login secret, rotated without a sign-out.

The table holds for each key its id (`kid`), when it was made and until when it is accepted; the key
itself is derived from the id and MOORAGE_LOGIN__SECRET. So nobody can sign with what is in the
database, and replicas agree on the keys without having to tell each other: one that meets an
unknown id looks into the table. The newest key of the process's own secret signs. A rotation makes
a key, and the older ones are accepted until the last token that they may have signed has expired.

While replicas get another secret one by one, those with the new one also accept what the old one
signs (MOORAGE_LOGIN__PREVIOUS_SECRET). Each signs with a key of its own secret: where there is none
it makes one, which leaves all others as they are, so the two kinds do not end each other's keys.
"""

import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record
from moorage_gateway.db.tables import signing_keys
from moorage_gateway.settings import LoginSettings

RELOAD: Final = timedelta(seconds=60)
"""How old a process's list may be."""
_AT_MOST_EVERY: Final = timedelta(seconds=1)
"""How often unknown ids make a process look: anybody can send them."""
_ID_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that can be used here."""

    id: str
    root: str
    secret: bytes
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as the table has it."""

    id: str
    root: str
    created_at: datetime
    expires_at: datetime | None


def fingerprint(secret: str) -> str:
    """Return what tells one login secret from another, and tells nothing else of it."""
    return hmac.digest(secret.encode(), b"moorage fingerprint", "sha256").hex()[:16]


def usable(
    rows: Iterable[KeyRow], roots: Mapping[str, str], now: datetime
) -> dict[str, SigningKey]:
    """Return the keys that are accepted, by id; ``roots`` are the secrets by fingerprint."""
    return {
        row.id: SigningKey(
            row.id, row.root, _derived(roots[row.root], row.id), row.created_at, row.expires_at
        )
        for row in rows
        if row.root in roots and (row.expires_at is None or row.expires_at > now)
    }


def _derived(secret: str, key_id: str) -> bytes:
    return hmac.digest(secret.encode(), b"moorage access token key " + key_id.encode(), "sha256")


class SigningKeys:
    """The keys as one process knows them."""

    def __init__(self, engine: AsyncEngine, settings: LoginSettings) -> None:
        if settings.secret is None:
            msg = "there is no login secret"
            raise ValueError(msg)
        known = [settings.secret, settings.previous_secret or settings.secret]
        texts = [secret.get_secret_value() for secret in known]
        self._engine = engine
        self._root = fingerprint(texts[0])
        self._roots = {fingerprint(text): text for text in texts}
        self._token_life = timedelta(minutes=settings.access_minutes)
        self._keys: dict[str, SigningKey] = {}
        self._loaded_at: datetime | None = None

    async def current(self, now: datetime) -> SigningKey:
        """Return the key to sign with; the first one of our secret is made here."""
        if self._age(now) > RELOAD:
            await self._load(now)
        if not self._own():
            async with self._engine.begin() as connection:
                await self._add(connection, now, at_once=False)
            await self._load(now)
        return max(self._own(), key=lambda key: (key.created_at, key.id))

    async def find(self, key_id: str, now: datetime) -> SigningKey | None:
        """Return the key with this id, if it is accepted."""
        age = self._age(now)
        if age > RELOAD or (key_id not in self._keys and age > _AT_MOST_EVERY):
            await self._load(now)
        key = self._keys.get(key_id)
        return key if key and (key.expires_at is None or key.expires_at > now) else None

    async def rotate(self, now: datetime, *, at_once: bool = False) -> str:
        """Make a new key and return its id. Older ones are accepted for a while, or not at all.

        Also those of another secret: who means to end what was signed means all of it.
        """
        until = now if at_once else now + self._token_life + 2 * RELOAD
        still = or_(signing_keys.c.expires_at.is_(None), signing_keys.c.expires_at > until)
        async with self._engine.begin() as connection:
            await connection.execute(update(signing_keys).where(still).values(expires_at=until))
            key_id = await self._add(connection, now, at_once=at_once)
            await connection.execute(delete(signing_keys).where(signing_keys.c.expires_at <= now))
        await self._load(now)
        return key_id

    def _own(self) -> list[SigningKey]:
        """Return the keys of our secret that no rotation has ended."""
        keys = self._keys.values()
        return [key for key in keys if key.root == self._root and key.expires_at is None]

    async def _add(self, connection: AsyncConnection, now: datetime, *, at_once: bool) -> str:
        """Make a key of our secret and return its id."""
        key_id = secrets.token_hex(_ID_BYTES)
        row = {"id": key_id, "root": self._root, "created_at": now, "expires_at": None}
        await connection.execute(insert(signing_keys).values(**row))
        act = Act(Action.SIGNING_KEY_ROTATE, key_id, details={"atOnce": at_once})
        await record(connection, now, act)
        return key_id

    async def _load(self, now: datetime) -> None:
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(signing_keys))).mappings().all()
        self._keys = usable((KeyRow(**row) for row in rows), self._roots, now)
        self._loaded_at = now

    def _age(self, now: datetime) -> timedelta:
        return timedelta.max if self._loaded_at is None else now - self._loaded_at
