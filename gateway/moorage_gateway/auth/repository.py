"""What of users, sign-ins and API keys is read to know who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.accounts.repository import LOCAL_ISSUER
from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.caller import present
from moorage_gateway.audit.record import record
from moorage_gateway.auth.groups import Word, role_of
from moorage_gateway.auth.principal import Identity, Role
from moorage_gateway.db.statements import insert_once
from moorage_gateway.db.tables import api_keys, sign_ins, users
from moorage_gateway.requests import random_id
from moorage_gateway.settings import OidcSettings

_AT_ONCE: Final = 500
_ENABLED: Final = users.c.disabled_at.is_(None)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a sign-in or an API key is."""

    credential_id: str
    user_id: str
    role: Role | None
    """None: a provider's user of whom it is not known that they may still come in."""
    expires_at: datetime | None
    used_at: datetime | None = None
    """When its use was noted last or, of a provider's user, what it says of them."""
    groups: frozenset[str] = frozenset()


def _sign_in_stands(now: datetime) -> ColumnElement[bool]:
    return and_(sign_ins.c.revoked_at.is_(None), sign_ins.c.expires_at > now, _ENABLED)


def _key_stands(now: datetime) -> ColumnElement[bool]:
    return and_(or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now), _ENABLED)


class IdentityRepository:
    """Reads on one connection; the caller commits what is written."""

    def __init__(self, connection: AsyncConnection, oidc: OidcSettings) -> None:
        self._connection = connection
        self._oidc = oidc

    async def sign_in(self, sign_in_id: str, now: datetime) -> Holder | None:
        """Return whose a sign-in is, if it stands."""
        found = await self.sign_ins([sign_in_id], now)
        return found[0] if found else None

    async def sign_ins(self, ids: Sequence[str], now: datetime) -> list[Holder]:
        """Return whose these sign-ins are, of those that stand."""
        query = (
            select(sign_ins.c.id, users.c.id, users.c.role, sign_ins.c.expires_at)
            .join(users, users.c.id == sign_ins.c.user_id)
            .where(_sign_in_stands(now))
        )
        found = [await self._holders(query.where(sign_ins.c.id.in_(part))) for part in _parts(ids)]
        return [holder for part in found for holder in part]

    async def api_key(self, digest: str, now: datetime) -> Holder | None:
        """Return whose an API key is, if it stands."""
        found = await self._key_holders(_keys_query(now).where(api_keys.c.digest == digest), now)
        return found[0] if found else None

    async def api_keys(self, ids: Sequence[str], now: datetime) -> list[Holder]:
        """Return whose these API keys are, of those that stand."""
        query = _keys_query(now)
        found = [
            await self._key_holders(query.where(api_keys.c.id.in_(part)), now)
            for part in _parts(ids)
        ]
        return [holder for part in found for holder in part]

    async def key_was_used(self, key_id: str, now: datetime) -> None:
        """Note when an API key was used last."""
        await self._connection.execute(
            update(api_keys).where(api_keys.c.id == key_id).values(used_at=now)
        )

    async def groups_were_said(self, user_id: str, now: datetime) -> None:
        """Note when a provider last said the same of a user as before."""
        await self._connection.execute(
            update(users).where(users.c.id == user_id).values(groups_at=now)
        )

    async def provided(self, identity: Identity) -> Holder | None:
        """Return the user whom a provider speaks of; None if unknown, disabled or out of date."""
        said = _said(identity)
        columns = [users.c[name] for name in said]
        query = select(users.c.id, users.c.groups_at, *columns).where(_names(identity), _ENABLED)
        row = (await self._connection.execute(query)).first()
        if row is None or row[2:] != tuple(said.values()):
            return None
        return Holder("", row.id, identity.role, identity.expires_at, row.groups_at)

    async def keep_provided(self, identity: Identity, now: datetime) -> Holder | None:
        """Make the user whom a provider speaks of, or note what changed; None if disabled.

        Who may not come in is not made. If they could before, their API keys end with that.
        """
        said = _said(identity) | {"groups_at": now}
        row = {
            "id": random_id(),
            "issuer": identity.issuer,
            "subject": identity.subject,
            "created_at": now,
            "updated_at": now,
            **said,
        }
        made = identity.role is not None and await insert_once(
            self._connection, users, row, key=("issuer", "subject")
        )
        if not made:
            await self._connection.execute(
                update(users).where(_names(identity), _ENABLED).values(updated_at=now, **said)
            )
        holder = await self.provided(identity)
        if holder is not None:
            act = Act(Action.USER_PROVIDE, holder.user_id, details={"role": holder.role})
            caller = present.get().known_as(holder.user_id, "oidc")
            await record(self._connection, now, act, caller)
        return holder

    async def enabled(self, user_ids: Sequence[str]) -> list[Holder]:
        """Return these users, of those that are not disabled."""
        query = select(users.c.id, users.c.role).where(_ENABLED)
        return [
            Holder("", row.id, row.role, None)
            for part in _parts(user_ids)
            for row in await self._connection.execute(query.where(users.c.id.in_(part)))
        ]

    async def _holders(self, query: Executable) -> list[Holder]:
        rows: Any = await self._connection.execute(query)
        return [Holder(*row) for row in rows]

    async def _key_holders(self, query: Executable, now: datetime) -> list[Holder]:
        rows: Any = await self._connection.execute(query)
        return [_key_holder(row, self._oidc, now) for row in rows]


def _names(identity: Identity) -> ColumnElement[bool]:
    return and_(users.c.issuer == identity.issuer, users.c.subject == identity.subject)


def _said(identity: Identity) -> dict[str, Any]:
    """Return what is kept of what a provider says."""
    return {
        "role": identity.role or "user",
        "email": identity.email,
        "name": identity.name,
        "groups": sorted(identity.groups),
    }


def _key_holder(row: Any, oidc: OidcSettings, now: datetime) -> Holder:
    """Return whose a key is; of a provider's users its last word says what they are."""
    key_id, user_id, role, expires_at, used_at, issuer, groups, groups_at = row
    if issuer == LOCAL_ISSUER:
        return Holder(key_id, user_id, role, expires_at, used_at)
    holding = Word(issuer, frozenset(groups or ()), groups_at).holding(oidc, now)
    return Holder(key_id, user_id, role_of(holding, oidc), expires_at, used_at, holding)


def _keys_query(now: datetime) -> Any:
    return (
        select(
            api_keys.c.id,
            users.c.id,
            users.c.role,
            api_keys.c.expires_at,
            api_keys.c.used_at,
            users.c.issuer,
            users.c.groups,
            users.c.groups_at,
        )
        .join(users, users.c.id == api_keys.c.user_id)
        .where(_key_stands(now))
    )


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    """Return the ids in parts that fit into a statement."""
    return [ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE)]
