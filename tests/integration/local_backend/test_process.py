"""Restarts of the gateway, the limits of a machine, the spare runner, what a runner may know."""

import asyncio
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from moorage_api.redis_client import make_redis
from moorage_api.resources import ClaudeSession, Phase
from moorage_gateway.backends.local import LocalBackend
from moorage_gateway.backends.local.policy import SILENT_LIMIT
from moorage_testing.redis import running_redis

from .driver import Driver, create, eventually, gone, new_session, present, until, until_phase


async def test_what_ran_runs_again_after_a_restart_and_what_was_suspended_does_not(
    driver: Driver,
) -> None:
    async with driver.backend() as backend:
        ids = [await create(backend, new_session(each)) for each in ("ready", "ready", "exit 0")]
        running, suspended, done = ids
        await until_phase(backend, running, Phase.READY)
        await until_phase(backend, done, Phase.SUCCEEDED)
        await until_phase(backend, suspended, Phase.READY)
        await backend.suspend(suspended, suspend=True)
        await until_phase(backend, suspended, Phase.SUSPENDED)
    assert not present(driver.pid(running))
    async with driver.backend() as backend:
        assert [each.metadata.uid for each in backend.list()] == ids
        await until_phase(backend, running, Phase.READY)
        assert backend.get(suspended).status.phase is Phase.SUSPENDED
        assert backend.get(done).status.phase is Phase.SUCCEEDED
    starts = [driver.starts(each) for each in ids]
    assert starts == [2, 1, 1]


async def test_closing_leaves_nothing_not_even_of_a_stubborn_runner(driver: Driver) -> None:
    new = [new_session("stubborn; orphan; ready") for _ in range(3)]
    async with driver.backend(grace_seconds=0.3, max_starting=3) as backend:
        ids = [await create(backend, each) for each in new]
        for each in ids:
            await until_phase(backend, each, Phase.READY)
    for each in ids:
        assert not present(driver.pid(each))
        assert not present(driver.pid(each, "orphan"))


async def test_hurry_cuts_the_grace_short(driver: Driver) -> None:
    new = new_session("stubborn; ready")
    async with driver.backend(grace_seconds=600) as backend:
        new_id = await create(backend, new)
        await until_phase(backend, new_id, Phase.READY)
        backend.hurry()
        assert await asyncio.to_thread(gone, driver.pid(new_id))


async def test_sessions_beyond_the_limit_wait_in_line(driver: Driver) -> None:
    async with driver.backend(max_running=1) as backend:
        first, second, third = [await create(backend, new_session("ready")) for _ in range(3)]
        await until_phase(backend, first, Phase.READY)
        for number, each in enumerate((second, third), start=1):
            waiting = await until(backend, each, _waits_in_place(number))
            assert waiting.status.phase is Phase.PENDING
        await backend.delete(first)
        await until_phase(backend, second, Phase.READY)
        await backend.suspend(second, suspend=True)
        await until_phase(backend, third, Phase.READY)


def _waits_in_place(number: int) -> Callable[[ClaudeSession], bool]:
    text = f"Waits for its turn to start: number {number} in line."
    return lambda session: session.status.message == text


async def test_a_new_session_takes_the_spare_and_another_is_kept(driver: Driver) -> None:
    async with driver.backend(warm=True, sweep_seconds=0.05) as backend:
        spare = await _spare(driver.home)
        new = new_session("ready")
        new_id = await create(backend, new)
        await until_phase(backend, new_id, Phase.READY)
        seen = driver.environment(new_id)
        assert "MOORAGE_SESSION_ID" not in seen["process"]
        assert seen["binding"]["MOORAGE_SESSION_ID"] == new_id
        assert not spare.exists()
        log = driver.workspace(new_id).parent / "runner.log"
        assert log.read_text() == "stand-in runs\n"
        await _spare(driver.home)
    assert list((driver.home / "spares").iterdir()) == []


async def _spare(home: Path) -> Path:
    return (await eventually(lambda: _spares(home)))[0]


def _spares(home: Path) -> list[Path]:
    return list(home.glob("spares/*.log"))


async def test_a_spare_that_died_is_no_hindrance(driver: Driver, tmp_path: Path) -> None:
    dying = tmp_path / "dying.py"
    stand_in = driver.settings().runner[1]
    dying.write_text(
        "import os, sys\n"
        "if '--warm' in sys.argv: sys.exit(3)\n"
        f"os.execv(sys.executable, [sys.executable, {stand_in!r}])\n"
    )
    runner = (sys.executable, str(dying))
    async with driver.backend(warm=True, sweep_seconds=0.05, runner=runner) as backend:
        await _spare(driver.home)
        for _ in range(2):
            new = new_session("ready")
            new_id = await create(backend, new)
            await until_phase(backend, new_id, Phase.READY)


async def test_a_runner_that_cannot_be_started_fails_with_a_sentence(driver: Driver) -> None:
    async with driver.backend(runner=("/no/such/runner",)) as backend:
        new = new_session("ready", retry={"limit": 0})
        new_id = await create(backend, new)
        session = await until_phase(backend, new_id, Phase.FAILED)
        assert session.status.message is not None
        assert "ended with code 127" in session.status.message


async def test_a_runner_knows_nothing_of_the_gateways_environment(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the-gateways-own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    async with driver.backend() as backend:
        new = new_session("ready")
        new_id = await create(backend, new)
        await until_phase(backend, new_id, Phase.READY)
        seen = driver.environment(new_id)["process"]
    assert "AWS_SECRET_ACCESS_KEY" not in seen
    assert "ANTHROPIC_API_KEY" not in seen
    assert "HOME" not in seen
    assert seen["ANTHROPIC_AUTH_TOKEN"] == "scripted"
    assert seen["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert _mode(seen["MOORAGE_SESSION_SPEC"]) == 0o600


def _mode(path: str) -> int:
    return Path(path).stat().st_mode & 0o777


async def test_an_unreadable_session_does_not_keep_the_others_from_running(driver: Driver) -> None:
    new = new_session("ready")
    async with driver.backend() as backend:
        new_id = await create(backend, new)
    broken = driver.home / "sessions" / "broken"
    broken.mkdir()
    (broken / "session.json").write_text("{")
    async with driver.backend() as backend:
        await until_phase(backend, new_id, Phase.READY)
        assert len(backend.list()) == 1
    assert (broken / "session.json").read_text() == "{"


async def test_a_watch_ends_with_the_backend(driver: Driver) -> None:
    async with driver.backend() as backend:
        await backend.create(new_session("ready"))
        watch = backend.watch()
        assert (await anext(watch)).kind == "changed"
    async with asyncio.timeout(20):
        kinds = [change.kind async for change in watch]
    assert set(kinds) <= {"changed"}


async def test_a_runner_that_hangs_is_killed_and_started_again(driver: Driver) -> None:
    async with driver.backend(sweep_seconds=0.05) as backend:
        new = new_session("stubborn; ready")
        new_id = await create(backend, new)
        await until_phase(backend, new_id, Phase.READY)
        pid = driver.pid(new_id)
        for _ in range(SILENT_LIMIT // 5 + 1):
            driver.ahead += timedelta(seconds=5)
            await _swept(backend)
        assert await asyncio.to_thread(gone, pid)
        await until(backend, new_id, lambda each: each.status.attempts == 1)


async def _swept(backend: LocalBackend) -> None:
    """Wait until the loop has gone round: a session that comes and goes tells."""
    passing = new_session("never", suspend=True)
    passing_id = await create(backend, passing)
    await until_phase(backend, passing_id, Phase.SUSPENDED)
    await backend.delete(passing_id)


async def test_a_machine_that_slept_does_not_make_its_runners_look_hung(driver: Driver) -> None:
    async with driver.backend(sweep_seconds=0.05) as backend:
        new = new_session("ready", timeouts={"idle": "300d", "lifetime": "300d"})
        new_id = await create(backend, new)
        await until_phase(backend, new_id, Phase.READY)
        driver.ahead += timedelta(hours=8)
        for _ in range(3):
            await _swept(backend)
        assert backend.get(new_id).status.phase is Phase.READY
        assert driver.starts(new_id) == 1


async def test_redis_may_go_away_and_come_back(tmp_path: Path) -> None:
    with running_redis(persistent=True) as server:
        async with make_redis(server.url) as redis:
            driver = Driver(tmp_path, redis, server.url)
            async with driver.backend() as backend:
                before, during = new_session("ready"), new_session("ready", retry={"limit": 100})
                before_id = await create(backend, before)
                await until_phase(backend, before_id, Phase.READY)
                server.stop()
                during_id = await create(backend, during)
                await until(backend, during_id, lambda each: each.status.attempts > 0)
                assert backend.get(before_id).status.phase is Phase.READY
                server.start()
                await until_phase(backend, during_id, Phase.READY)
                assert driver.starts(before_id) == 1
