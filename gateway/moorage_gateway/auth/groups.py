"""The groups that an identity provider names: read, kept for a while, and what they make of a user.

Pure. The provider tells nobody that somebody left; so its last word on a user, which API keys go
by, has an end (decision record 0041).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moorage_gateway.auth.principal import Role
from moorage_gateway.settings import OidcSettings


@dataclass(frozen=True, slots=True)
class Word:
    """What a provider said last of a user, as it is kept."""

    issuer: str
    groups: frozenset[str]
    said_at: datetime | None

    def holding(self, settings: OidcSettings, now: datetime) -> frozenset[str]:
        """Return the groups that it still names: none if it is old, or another provider's."""
        if self.said_at is None or self.said_at <= now - settings.groups_kept:
            return frozenset()
        return self.groups if self.issuer == settings.issuer else frozenset()


def groups_in(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """Return the groups that a claim lists; a claim of this very name goes before a nested one."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return frozenset({found})
    listed = found if isinstance(found, list) else []
    return frozenset(group for group in listed if isinstance(group, str))


def role_of(groups: frozenset[str], settings: OidcSettings) -> Role | None:
    """Return what members of these groups are here; None: nothing."""
    if groups & frozenset(settings.admin_groups):
        return "admin"
    if not settings.user_groups or groups & frozenset(settings.user_groups):
        return "user"
    return None
