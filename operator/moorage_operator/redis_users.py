"""The sessions' users in Redis: made, restored and removed, each with exactly the keys of its own.

Redis keeps them in memory alone. What is known of a password here is its digest, which is all that
Redis is told; the password itself is only in the session's Secret.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from moorage_api.grant import new_token, token_digest
from moorage_api.keys import FINISHED_TTL_SECONDS, SessionKeys
from moorage_api.kube.client import KubernetesApi
from moorage_api.kube.errors import ObjectGoneError, UnavailableError
from moorage_api.kube.objects import Target
from moorage_api.redis_client import FAILURES
from moorage_operator.build import Login, Subject
from moorage_operator.build.secret import KEY_REDIS, KEY_TOKEN
from moorage_operator.grants import Grants
from moorage_operator.names import object_name
from moorage_operator.redis_rights import has_selectors, rules

_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Digests:
    """What is known here of a login."""

    password: str
    token: str

    @classmethod
    def of(cls, url: str, token: str) -> Self:
        """Return the digests of a login's URL and token."""
        password = unquote(urlsplit(url).password or "")
        return cls(hashlib.sha256(password.encode()).hexdigest(), token_digest(token))


class RedisUsers:
    """Users of one installation: their names begin with ``prefix``."""

    def __init__(
        self,
        redis: Redis,
        api: KubernetesApi,
        grants: Grants,
        clock: Callable[[], datetime],
        *,
        session_url: str,
        prefix: str,
    ) -> None:
        self._redis = redis
        self._api = api
        self._grants = grants
        self._clock = clock
        self._session_url = session_url
        self._prefix = prefix
        self._digests: dict[str, Digests] = {}
        self._granted: dict[str, datetime] = {}
        self._version_known = False
        self.selectors = False
        """Whether Redis limits commands key by key."""
        self.known: set[str] = set()
        """Sessions whose user exists, as far as Redis said or was told."""
        self.anybodys: frozenset[str] = frozenset()
        """The same of all installations that share this Redis."""

    def new_login(self, session_id: str) -> Login:
        """Make up a login by chance."""
        password = secrets.token_urlsafe(_BYTES)
        parts = urlsplit(self._session_url)
        place = f"{quote(self._name(session_id), safe='')}:{password}@{parts.netloc}"
        url = urlunsplit(parts._replace(netloc=place))
        return Login(SecretStr(url), SecretStr(new_token(session_id)))

    async def grant(self, subject: Subject, login: Login | None) -> None:
        """Create the user with this login; None: with the one that the session's Secret holds.

        The proxy lets the session in by its token from then on.

        Raises:
            UnavailableError: Redis does not answer.
            ObjectGoneError: there is no Secret.
        """
        uid = subject.uid
        if login is not None:
            url, token = login.redis_url.get_secret_value(), login.token.get_secret_value()
            self._digests[uid] = Digests.of(url, token)
        elif uid not in self._digests:
            self._digests[uid] = await self._kept_digests(subject)
        digests = self._digests[uid]
        await self._grants.write(subject, digests.token)
        if not self._version_known:
            await self._learn_version()
        rights = rules(SessionKeys(uid), digests.password, selectors=self.selectors)
        await _answer(
            self._redis.execute_command(  # type: ignore[no-untyped-call]
                "ACL", "SETUSER", self._name(uid), *rights
            )
        )
        self.known.add(uid)
        self._granted[uid] = self._clock()

    def granted_at(self, session_id: str) -> datetime | None:
        """Return when the user was made here; None if it was there before."""
        return self._granted.get(session_id)

    async def revoke(self, session_id: str, *, over: bool = True) -> None:
        """Delete the user, end its connections; let the keys of a session that is over expire.

        Raises:
            UnavailableError: Redis does not answer.
        """
        await self._grants.revoke(session_id)
        pipe = self._redis.pipeline(transaction=False)
        pipe.execute_command("ACL", "DELUSER", self._name(session_id))
        for key in SessionKeys(session_id).lasting if over else ():
            pipe.expire(key, FINISHED_TTL_SECONDS)
        await _answer(pipe.execute())
        self.known.discard(session_id)
        self._granted.pop(session_id, None)
        if over:
            self._digests.pop(session_id, None)

    async def look(self) -> set[str]:
        """Learn which sessions have a user, and return them.

        Raises:
            UnavailableError: Redis does not answer.
        """
        await self._learn_version()
        command = self._redis.execute_command("ACL", "USERS")  # type: ignore[no-untyped-call]
        names: list[bytes | str] = await _answer(command)
        texts = [each.decode() if isinstance(each, bytes) else each for each in names]
        self.anybodys = frozenset(each.rpartition(".")[2] for each in texts)
        self.known = {
            each.removeprefix(self._prefix) for each in texts if each.startswith(self._prefix)
        }
        return self.known

    async def _learn_version(self) -> None:
        """Ask anew now and then: a Redis that was exchanged may be another."""
        command = self._redis.execute_command("HELLO", 2)  # type: ignore[no-untyped-call]
        said: list[Any] = await _answer(command)
        self.selectors = has_selectors(dict(zip(said[::2], said[1::2], strict=True)))
        self._version_known = True

    def _name(self, session_id: str) -> str:
        return f"{self._prefix}{session_id}"

    async def _kept_digests(self, subject: Subject) -> Digests:
        namespace = subject.session.metadata.namespace or ""
        values = await self._api.secret_values(
            Target("Secret", namespace, object_name(subject.uid))
        )
        if not {KEY_REDIS, KEY_TOKEN} <= values.keys():
            raise ObjectGoneError
        return Digests.of(values[KEY_REDIS], values[KEY_TOKEN])


async def _answer(command: Awaitable[Any]) -> Any:
    """Return Redis' answer.

    Raises:
        UnavailableError: if there is none, or an error.
    """
    try:
        return await command
    except FAILURES as error:
        said = str(error) if isinstance(error, ResponseError) else type(error).__name__
        raise UnavailableError(cause=f"Redis: {said}") from error
