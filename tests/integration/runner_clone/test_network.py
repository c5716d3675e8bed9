"""A network that fails for a while, as a new pod's does until its policies are in force."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from moorage_api.reasons import Reason
from moorage_api.resources import SessionSpec
from moorage_runner.clone import CloneError, Patience, Prepared, Progress, prepare
from moorage_runner.clone.marker import Place
from moorage_runner.workspace import Workspace
from moorage_testing.git import GitRepository, serving_git

Prepare = Callable[..., Coroutine[Any, Any, Prepared]]


class Pauses:
    """Pauses that take no time: notes how long each would be, and what there is of a clone then."""

    def __init__(self, workspace: Workspace, then: dict[int, Callable[[], None]]) -> None:
        self._partial = Place.of(workspace, "repo").partial
        self._then = then
        self.waits: list[float] = []
        self.left: list[bool] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.left.append(self._partial.exists())
        self._then.get(len(self.waits), lambda: None)()


async def failure(attempt: Coroutine[Any, Any, Prepared]) -> CloneError:
    with pytest.raises(CloneError) as caught:
        await attempt
    return caught.value


async def test_a_server_that_refuses_connections_at_first(
    origin: GitRepository, tmp_path: Path, workspace: Workspace, clone: Prepare
) -> None:
    with serving_git(tmp_path, refusing=True) as server:
        pauses = Pauses(workspace, {3: server.listen})
        prepared = await clone(f"{server.url}/origin/.git", patience=Patience(pause=pauses))
    assert prepared == Prepared(origin.head)
    assert len(pauses.waits) == 3
    assert pauses.left == [False] * 3, "no partial clone is left between tries"
    assert (workspace.repo / "a.txt").read_text() == "one\n"


async def test_waits_get_longer_by_chance_and_an_end_comes(
    workspace: Workspace, clone: Prepare
) -> None:
    pauses = Pauses(workspace, {})
    patience = Patience(limit=4, first=1.0, longest=3.0, pause=pauses)
    error = await failure(clone("http://127.0.0.1:1/x", patience=patience))
    assert error.reason is Reason.CLONE_FAILED
    assert "Failed to connect" in error.message
    assert len(pauses.waits) == 4
    for wait, most in zip(pauses.waits, (1.0, 2.0, 3.0, 3.0), strict=True):
        assert 0.5 <= wait <= most
    assert not Place.of(workspace, "repo").partial.exists()


async def test_a_wait_that_goes_beyond_the_limit_is_not_begun(
    workspace: Workspace, clone: Prepare
) -> None:
    """It would only end as a clone that took too long, which it did not."""
    pauses = Pauses(workspace, {})
    patience = Patience(first=100.0, longest=100.0, pause=pauses)
    error = await failure(clone("http://127.0.0.1:1/x", timeout=20, patience=patience))
    assert error.reason is Reason.CLONE_FAILED
    assert pauses.waits == []


@pytest.mark.parametrize(
    ("path", "fields", "reason"),
    [
        ("missing.git", {}, Reason.REPOSITORY_NOT_FOUND),
        ("origin/.git", {"ref": "nowhere"}, Reason.REF_NOT_FOUND),
    ],
)
async def test_what_another_try_cannot_mend_is_not_tried_again(
    origin: GitRepository,
    tmp_path: Path,
    workspace: Workspace,
    clone: Prepare,
    path: str,
    fields: dict[str, Any],
    reason: Reason,
) -> None:
    pauses = Pauses(workspace, {})
    with serving_git(tmp_path) as server:
        url = f"{server.url}/{path}"
        error = await failure(clone(url, patience=Patience(pause=pauses), **fields))
    assert error.reason is reason
    assert pauses.waits == []


async def test_a_refusal_is_not_tried_again(
    origin: GitRepository, tmp_path: Path, workspace: Workspace, clone: Prepare
) -> None:
    pauses = Pauses(workspace, {})
    with serving_git(tmp_path, password="right") as server:
        url = f"{server.url}/origin/.git"
        error = await failure(clone(url, patience=Patience(pause=pauses)))
    assert error.reason is Reason.REPOSITORY_REFUSED
    assert pauses.waits == []


async def test_being_cancelled_ends_the_wait(workspace: Workspace, clone: Prepare) -> None:
    waits = asyncio.Event()

    async def for_ever(_: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(clone("http://127.0.0.1:1/x", patience=Patience(pause=for_ever)))
    async with asyncio.timeout(10):
        await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not Place.of(workspace, "repo").partial.exists()


async def test_each_wait_is_told(
    origin: GitRepository, tmp_path: Path, workspace: Workspace
) -> None:
    reports: list[Progress] = []
    with serving_git(tmp_path, refusing=True) as server:
        url = f"{server.url}/origin/.git"
        spec = SessionSpec.model_validate({"repository": {"url": url}})
        patience = Patience(pause=Pauses(workspace, {2: server.listen}))
        await prepare(spec, workspace, reports.append, timeout=20, patience=patience)
    told = [each for each in reports if each.waits]
    assert len(told) == 2
    assert {each.repository for each in told} == {"repo"}
    assert "Failed to connect to 127.0.0.1" in told[0].stage
    assert "tried again in " in told[0].stage
