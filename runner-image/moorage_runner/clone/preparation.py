"""Makes all of a session's repositories ready: the first in `repo`, the others in `extra/PATH`."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from moorage_api.reasons import Reason
from moorage_api.resources import SessionSpec
from moorage_api.resources.parts import Repository
from moorage_runner.clone.failures import Attempt, explain
from moorage_runner.clone.marker import Place, Record
from moorage_runner.clone.patience import PATIENCE, Patience
from moorage_runner.clone.process import LOCAL, environment, run
from moorage_runner.clone.progress import ProgressReader
from moorage_runner.clone.repository import Cloning
from moorage_runner.clone.results import CloneError, Prepared, Progress
from moorage_runner.clone.source import locate
from moorage_runner.commands import Launcher
from moorage_runner.logs import get_logger
from moorage_runner.workspace import Workspace

_FULL: Final = ("No space left on device", "Disk quota exceeded")


async def prepare(
    spec: SessionSpec,
    workspace: Workspace,
    on_progress: Callable[[Progress], None],
    launcher: Launcher = LOCAL,
    *,
    timeout: float,  # noqa: ASYNC109 - one limit over several processes, each told what is left
    patience: Patience = PATIENCE,
) -> Prepared:
    """Clone what is missing within `timeout` seconds; a finished clone is left as it is.

    Git is started by `launcher`: in a pod it runs in the agent's container. Where the network
    fails, it is tried again as `patience` says, within `timeout`.

    Raises:
        CloneError: With the reason and what to do.
        OSError: The workspace cannot be written.
    """
    plan = _plan(spec, workspace)
    await asyncio.to_thread(workspace.create)
    job = _Job(workspace, on_progress, launcher, timeout, patience)
    results = [await job.make_ready(repository, place) for repository, place in plan]
    first, found = results[0]
    additional = tuple(place.folder for _, place in plan[1:])
    return Prepared(first.start_commit, additional, found)


def _plan(spec: SessionSpec, workspace: Workspace) -> list[tuple[Repository, Place]]:
    """Return each repository with its place, the session's own first."""
    if spec.repository is None:
        raise CloneError(Reason.SPEC_INVALID, "The session has no repository: set repository.url.")
    plan: list[tuple[Repository, Place]] = [(spec.repository, Place.of(workspace, "repo"))]
    taken: list[PurePosixPath] = []
    for extra in spec.additional_repositories:
        path = PurePosixPath(extra.path)
        if not path.parts or any(path.is_relative_to(t) or t.is_relative_to(path) for t in taken):
            text = f"The path {extra.path!r} of an additional repository must be a folder of its "
            raise CloneError(Reason.SPEC_INVALID, text + "own, not within another's: change it.")
        taken.append(path)
        plan.append((extra, Place.of(workspace, f"extra/{path}")))
    return plan


class _Job:
    """What the clones of one call share: the workspace, the limit, whom to tell."""

    def __init__(
        self,
        workspace: Workspace,
        on_progress: Callable[[Progress], None],
        launcher: Launcher,
        limit: float,
        patience: Patience,
    ) -> None:
        self._workspace = workspace
        self._launcher = launcher
        self._on_progress = on_progress
        self._limit = limit
        self._patience = patience
        self._deadline = time.monotonic() + limit

    async def make_ready(self, repository: Repository, place: Place) -> tuple[Record, bool]:
        """Return the record of the clone at `place`, and whether it was there already."""
        if found := place.find():
            return found, True
        source = locate(repository)
        attempt = Attempt(source.shown, repository.ref, self._limit)
        reader = ProgressReader(place.name, self._on_progress)
        cloning = Cloning(repository, source, place.partial, attempt, reader.feed, self._launcher)
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                return await self._try(cloning, place), False
        except TimeoutError:
            await _remove(place.partial)
            raise explain(Reason.CLONE_TIMEOUT, attempt) from None
        finally:
            reader.flush()

    async def _try(self, cloning: Cloning, place: Place) -> Record:
        """Clone; try again while the network fails, unless the time is over before the next try."""
        backoff, tries = self._patience.backoff(), 0
        while True:
            await _remove(place.partial)
            try:
                return await self._clone(cloning, place)
            except CloneError as error:
                await _remove(place.partial)
                tries, wait = tries + 1, backoff.next()
                over = tries > self._patience.limit or time.monotonic() + wait > self._deadline
                if over or not error.passing:
                    raise
                self._tell_of_wait(place.name, error, tries, wait)
            await self._patience.pause(wait)

    def _tell_of_wait(self, name: str, error: CloneError, tries: int, wait: float) -> None:
        get_logger().warning("clone is tried again", repository=name, tries=tries, wait=wait)
        stage = f"the network failed ({error.passing}); it is tried again in {wait:.1f} s"
        self._on_progress(Progress(name, stage, waits=True))

    async def _clone(self, cloning: Cloning, place: Place) -> Record:
        named = await self._names_an_author(self._workspace.home / ".gitconfig")
        try:
            await replace(cloning, named=named).clone()
            return place.finish()
        except OSError as error:
            raise _explain_os_error(error, cloning.attempt) from error

    async def _names_an_author(self, config: Path) -> bool:
        """Tell whether the session's own git configuration names an author."""
        if not os.path.isfile(config):  # noqa: ASYNC240, PTH113 - one look, cheaper than a thread
            return False
        words = ("--file", str(config), "--includes", "--get", "user.email")
        done = await run(["git", "config", *words], environment(), self._launcher)
        return done.code == 0


def _explain_os_error(error: OSError, attempt: Attempt) -> CloneError:
    text = error.strerror or type(error).__name__
    reason = Reason.DISK_FULL if text in _FULL else Reason.CLONE_FAILED
    return explain(reason, attempt, f"fatal: {text}")


async def _remove(folder: Path) -> None:
    """Remove what a clone that failed, or a run that was killed, left."""
    with suppress(FileNotFoundError):
        await asyncio.to_thread(shutil.rmtree, folder)
