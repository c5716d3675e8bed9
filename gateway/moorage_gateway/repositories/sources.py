"""What a user may create sessions on: a decision over what is configured and registered. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from moorage_gateway.auth.principal import Principal
from moorage_gateway.repositories.urls import BadAddress, canonical, fits


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use something. Admins always may."""

    everybody: bool = False
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def allows(self, principal: Principal) -> bool:
        """Return whether ``principal`` may."""
        return (
            self.everybody
            or principal.is_admin
            or principal.user_id in self.users
            or not self.groups.isdisjoint(principal.groups)
        )


@dataclass(frozen=True, slots=True)
class KnownRepository:
    """A repository that is configured or registered."""

    id: str
    folder_name: str
    url: str
    access: Access
    default_branch: str | None = None
    credentials_secret: str | None = None
    is_configured: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """Addresses of repositories, as https://git.example.com/team/*."""

    url: str
    access: Access


@dataclass(frozen=True, slots=True)
class Sources:
    """What one user may create sessions on."""

    repositories: Sequence[KnownRepository] = ()
    patterns: Sequence[Pattern] = ()
    local_paths: bool = False
    """Folders of this machine: an embedded run."""
    any_secret: bool = False
    """Credentials may be named that no repository has: an admin."""
    _by_address: dict[str, KnownRepository] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for known in self.repositories:
            self._by_address.setdefault(_address(known.url) or known.url, known)

    def named(self, folder_name: str) -> KnownRepository | None:
        """Return the repository of that name."""
        return next((one for one in self.repositories if one.folder_name == folder_name), None)

    def at(self, url: str) -> KnownRepository | None:
        """Return the repository with that address."""
        return self._by_address.get(_address(url) or url)

    def allow(self, url: str) -> bool:
        """Return whether the address may be cloned."""
        address = _address(url)
        if self.at(url) is not None:
            return True
        return address is not None and any(fits(one.url, address) for one in self.patterns)


def sources_for(
    principal: Principal,
    repositories: Iterable[KnownRepository],
    patterns: Iterable[Pattern],
    *,
    local_paths: bool,
) -> Sources:
    """Return what ``principal`` may use of all that there is."""
    return Sources(
        repositories=[one for one in repositories if one.access.allows(principal)],
        patterns=[one for one in patterns if one.access.allows(principal)],
        local_paths=local_paths,
        any_secret=principal.is_admin,
    )


def _address(url: str) -> str | None:
    try:
        return canonical(url)
    except BadAddress:
        return None
