"""How the proxy proves itself to a git server: a token, a name with a password, a GitHub App.

The values come from a Secret of the session's namespace that its spec names, or from folders as
Kubernetes mounts Secrets, for all repositories below an address. Both are read anew, so that a
changed one counts without a restart.
"""

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog

from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.errors import KubernetesError
from moorage_api.kube.objects import Target as Object
from moorage_gateway.credential_proxy.errors import GitAway, GitRefused
from moorage_gateway.credential_proxy.git.github import APP_ID, GitHubApps
from moorage_gateway.credential_proxy.git.repositories import Address, Right
from moorage_gateway.credential_proxy.settings import GitFolder

_log = structlog.get_logger(__name__)
_KEPT_SECONDS: Final = 30.0
_LARGEST: Final = 64 * 1024
_TOKEN, _USER, _PASSWORD = "token", "username", "password"
_ANY_USER: Final = "x-access-token"
"""The name that goes with a token: GitHub wants this one, others take any."""

Values = Mapping[str, str]


class Secrets(Protocol):
    """Where Secrets are read."""

    async def read(self, namespace: str, name: str) -> Values:
        """Return what a Secret holds; nothing if there is none."""


class NoSecrets:
    """Without a cluster there are none."""

    async def read(self, namespace: str, name: str) -> Values:
        """Return nothing."""
        del namespace, name
        return {}


class KubernetesSecrets:
    """Secrets of the cluster, each remembered for a little while."""

    def __init__(self, api: KubernetesApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Values]] = {}

    async def read(self, namespace: str, name: str) -> Values:
        """Return what a Secret holds; nothing if there is none.

        Raises:
            GitAway: It cannot be read now.
        """
        now, place = self._clock(), (namespace, name)
        read_at, values = self._known.get(place, (None, {}))
        if read_at is not None and now - read_at < _KEPT_SECONDS:
            return values
        try:
            values = await self._api.secret_values(Object("Secret", namespace, name))
        except KubernetesError as error:
            _log.warning("a secret cannot be read", namespace=namespace, cause=str(error)[:200])
            raise GitAway("The repository's credentials cannot be read now.") from None
        self._known = {
            each: known for each, known in self._known.items() if now - known[0] < _KEPT_SECONDS
        } | {place: (now, values)}
        return values


@dataclass(frozen=True, slots=True)
class Credentials:
    """Finds a repository's credentials."""

    secrets: Secrets
    folders: Sequence[GitFolder]
    apps: GitHubApps

    async def header(self, namespace: str, right: Right, address: Address) -> str | None:
        """Return the Authorization header for a repository; None: it is read as anybody may.

        Raises:
            GitRefused: There should be credentials, and they cannot be used.
            GitAway: They cannot be had now.
        """
        if right.repository is None:
            return None
        if right.repository.secret is not None:
            values = await self.secrets.read(namespace, right.repository.secret)
            if not values:
                name = right.repository.secret
                raise GitRefused(f"There is no Secret {name} with the repository's credentials.")
            return await self._proof(values, address)
        for folder in self.folders:
            if _covers(folder.url, address):
                values = await asyncio.to_thread(_read_folder, folder.folder)
                return await self._proof(values, address)
        return None

    async def _proof(self, values: Values, address: Address) -> str:
        if APP_ID in values:
            return _basic(_ANY_USER, await self.apps.token(values, address))
        if token := values.get(_TOKEN, "").strip():
            return _basic(values.get(_USER, "").strip() or _ANY_USER, token)
        user, password = values.get(_USER, "").strip(), values.get(_PASSWORD, "").strip()
        if user and password:
            return _basic(user, password)
        raise GitRefused(
            "The repository's Secret needs a token, a username with a password, or a githubAppId "
            "with a githubAppPrivateKey."
        )


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _covers(url: str, address: Address) -> bool:
    """Whether a repository is at, or below, an address."""
    base = Address.of(url) or Address.of(f"{url.rstrip('/')}/*")  # the whole server
    if base is None or (base.scheme, base.host) != (address.scheme, address.host):
        return False
    path = base.path.removesuffix("/*")
    return address.path == path or address.path.startswith(f"{path}/")


def _read_folder(folder: Path) -> Values:
    values = dict[str, str]()
    try:
        for path in folder.iterdir():
            if not path.name.startswith(".") and path.is_file():
                with path.open("rb") as file:
                    values[path.name] = file.read(_LARGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        _log.warning("credentials cannot be read", cause=type(error).__name__)
        raise GitRefused("The repository's credentials cannot be read now.") from None
    return values
