"""How git is run: whatever ends it, its processes and its pipes are gone when the call returns."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from moorage_runner.clone.process import run

ENDLESS = ["sh", "-c", "yes & yes"]


def pipes() -> set[str]:
    """Return the pipes that this process holds."""
    found = set[str]()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            found.add(str(descriptor.readlink()))
    return {each for each in found if each.startswith("pipe:")}


async def test_who_writes_too_much_is_cut() -> None:
    before = pipes()
    async with asyncio.timeout(10):
        finished = await run(ENDLESS, dict(os.environ), limit=10)
    assert finished.cut
    assert finished.stdout == b"y\n" * 5
    assert pipes() == before


async def test_who_takes_too_long_is_ended() -> None:
    before = pipes()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await run(["sh", "-c", "yes & exec sleep 60"], dict(os.environ), limit=1 << 40)
    assert pipes() == before
