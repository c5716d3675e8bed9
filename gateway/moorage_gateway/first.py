"""Of several that would do the same at one moment, the first does it and the others wait for it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")

_WAIT_SECONDS: Final = 1.0
"""How long one waits for another."""


class First(Generic[Key]):
    """Who does what right now."""

    def __init__(self) -> None:
        self._doing: dict[Key, asyncio.Event] = {}

    async def wait(self, key: Key) -> bool:
        """Wait for who does this right now, but not for long; return whether somebody did.

        Who waited in vain does it without waiting again: were they to do it one after the other,
        each would wait for the failures of all before.
        """
        done = self._doing.get(key)
        if done is None:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_SECONDS):
                await done.wait()
        return True

    @contextmanager
    def doing(self, key: Key) -> Iterator[None]:
        """Have others wait while the block does this, if it is the first."""
        if key in self._doing:
            yield
            return
        done = self._doing[key] = asyncio.Event()
        try:
            yield
        finally:
            del self._doing[key]
            done.set()
