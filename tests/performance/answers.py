"""Measures with a real runner and a real Claude Code how soon an answer begins to arrive."""

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import ceil
from pathlib import Path

import httpx2

from moorage_scripted_model import running_model
from performance import messages, spare
from performance.figures import Figure, Measured, at_most
from performance.messages import Timeline
from performance.procfs import QUIET_SECONDS, wait_until_quiet
from performance.stage import Stage, serving


def new_sessions(count: int, *, warm: bool) -> Measured:
    """Make sessions one after the other, with a warm runner ready for each or with none at all."""
    busy = wait_until_quiet(QUIET_SECONDS)
    with _playing() as (stage, repository):
        seen = asyncio.run(_new_sessions(stage, repository, count, warm=warm))
    kind = "with a warm runner" if warm else "cold"
    figure = partial(Figure, f"new session, {kind}: POST to first model event, {count} sessions")
    times = [timeline["answer"] for timeline in seen]
    return Measured(
        [
            figure("p50", quantile(times, 0.5), "ms", at_most(1000)),
            figure("max", max(times), "ms"),
            figure("POST /sessions answered, p50", _median(seen, "created"), "ms"),
            figure("runner's first event, p50", _median(seen, "Starting"), "ms"),
            figure("Claude Code connected, p50", _median(seen, "Idle"), "ms"),
            figure("other work just before", busy, "cores"),
        ],
        {"warm": warm, "timelines": seen},
    )


def later_messages(count: int) -> Measured:
    """Send messages to one session that is ready and idle."""
    busy = wait_until_quiet(QUIET_SECONDS)
    with _playing() as (stage, repository):
        seen = asyncio.run(_later_messages(stage, repository, count))
    times = [timeline["answer"] for timeline in seen]
    figure = partial(Figure, f"later message: POST to first model event, {count} messages")
    return Measured(
        [
            figure("p50", quantile(times, 0.5), "ms", at_most(100)),
            figure("p99", quantile(times, 0.99), "ms"),
            figure("POST /messages answered, p50", _median(seen, "created"), "ms"),
            figure("runner took it up, p50", _median(seen, "Working"), "ms"),
            figure("other work just before", busy, "cores"),
        ],
        {"timelines": seen},
    )


def quantile(values: list[float], share: float) -> float:
    """Return the value that this share of all does not exceed."""
    return sorted(values)[max(ceil(share * len(values)) - 1, 0)]


def _median(seen: list[Timeline], name: str) -> float:
    return quantile([timeline[name] for timeline in seen], 0.5)


async def _new_sessions(stage: Stage, repository: str, count: int, *, warm: bool) -> list[Timeline]:
    async with httpx2.AsyncClient(base_url=stage.url, trust_env=False, timeout=60) as http:
        seen = []
        for _ in range(count):
            prepare = spare.wait_until_ready if warm else spare.do_without
            await asyncio.to_thread(prepare, stage.home)
            seen.append(await messages.new_session(http, repository))
        return seen


async def _later_messages(stage: Stage, repository: str, count: int) -> list[Timeline]:
    async with httpx2.AsyncClient(base_url=stage.url, trust_env=False, timeout=60) as http:
        return await messages.later_messages(http, repository, count)


@contextmanager
def _playing() -> Iterator[tuple[Stage, str]]:
    """Serve with a scripted model behind it; the repository is a small one of one commit."""
    with (
        tempfile.TemporaryDirectory(prefix="moorage-bench-", ignore_cleanup_errors=True) as name,
        running_model() as model,
    ):
        folder = Path(name)
        repository = small_repository(folder / "repository")
        settings = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "scripted"}
        with serving(folder, settings=settings) as stage:
            yield stage, repository


def small_repository(folder: Path) -> str:
    """Make a repository of one commit and return where it is."""
    folder.mkdir()
    (folder / "README.md").write_text("# Harbour\n")
    author = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "First"]):
        subprocess.run(["git", *author, *command], cwd=folder, check=True)
    return str(folder)
