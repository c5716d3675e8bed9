"""Passwords: Argon2id hashes, made and checked off the event loop by a bounded number of threads.

Cost: 19 MiB, 2 rounds, 1 lane, which OWASP's password storage cheat sheet lists as the equal of the
costlier-in-memory settings; two at once stay small beside the process. Hashes with another cost,
and bcrypt hashes brought from elsewhere, are accepted and replaced at the next login.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.base import ensure_bytes
from pwdlib.hashers.bcrypt import BcryptHasher

from moorage_gateway.errors import Unavailable

MEMORY_KIB: Final = 19 * 1024
ROUNDS: Final = 2
LANES: Final = 1
NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$duf67qCNYHzURbeUY9HvCg"
    "$wQf6EPX2lnS1zAwNORePwIYR5VTQhPzeRe4f3FHYswo"
)
"""What the password of an unknown user is checked against, so that it takes as long."""
_BCRYPT_BYTES: Final = 72
_LONGEST_QUEUE: Final = 32

log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class _OldBcrypt(BcryptHasher):
    """bcrypt as it was when the hashes were made: it never looked beyond 72 bytes."""

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002 - the base's
        """Return whether the password is right."""
        return super().verify(ensure_bytes(password)[:_BCRYPT_BYTES], hash)


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a password is right, and the hash to store in place of an outdated one."""

    is_right: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and checks passwords. More than wait for their turn already are refused."""

    def __init__(self, threads: int) -> None:
        argon2 = Argon2Hasher(time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._hasher = PasswordHash((argon2, _OldBcrypt()))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._waiting = 0
        self._most = threads + _LONGEST_QUEUE

    async def hash(self, password: str) -> str:
        """Return the hash to store."""
        return await self._run(lambda: self._hasher.hash(password))

    async def check(self, password: str, stored: str | None) -> Checked:
        """Return whether ``password`` is what was stored; without one it takes as long."""
        return await self._run(lambda: self._check(password, stored))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _check(self, password: str, stored: str | None) -> Checked:
        try:
            right, new = self._hasher.verify_and_update(password, stored or NOBODYS)
        except UnknownHashError:
            log.error("a stored password hash is of no known kind")  # noqa: TRY400 - it holds the hash
            return Checked(is_right=False)
        return Checked(is_right=right and stored is not None, new_hash=new)

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= self._most:
            raise Unavailable("login")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1
