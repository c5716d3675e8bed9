"""Sessions from creation to their end, with real processes and a real Redis."""

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from moorage_api.keys import SessionKeys
from moorage_api.reasons import Reason
from moorage_api.resources import Activity, Phase
from moorage_gateway.backends.interface import SessionExists, SessionMissing

from .driver import Driver, conditions, create, gone, new_session, until, until_phase


async def test_a_session_becomes_ready_and_says_so(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready")
        new_id = await create(backend, new)
        session = await until_phase(backend, new_id, Phase.READY)
        assert session.status.activity is Activity.IDLE
        assert session.status.claude_session_id == "claude-1"
        assert session.status.observed_generation == 1
        assert conditions(session) == {
            "Admitted": ("True", Reason.RUNNING),
            "RepositoryCloned": ("True", Reason.COMPLETED),
            "Ready": ("True", Reason.RUNNING),
            "AwaitingInput": ("True", Reason.IDLE),
            "Complete": ("False", Reason.RUNNING),
            "BudgetExceeded": ("False", Reason.RUNNING),
        }
        assert [each.metadata.uid for each in backend.list()] == [new_id]
        assert await backend.ready()


async def test_a_create_that_comes_again_is_one(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready")
        made = await asyncio.gather(*(create(backend, new) for _ in range(3)))
        assert len(set(made)) == 1
        await until_phase(backend, made[0], Phase.READY)
        assert driver.starts(made[0]) == 1
        another = replace(new_session("ready"), name=new.name)
        with pytest.raises(SessionExists):
            await backend.create(another)


async def test_code_0_is_success_and_the_keys_expire(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready; exit 0")
        new_id = await create(backend, new)
        session = await until_phase(backend, new_id, Phase.SUCCEEDED)
        assert conditions(session)["Complete"] == ("True", Reason.COMPLETED)
        assert session.status.finished_at is not None
    assert await driver.redis.ttl(SessionKeys(new_id).state) > 0


async def test_code_75_starts_again_at_once(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("again-until 3; ready", retry={"limit": 0})
        new_id = await create(backend, new)
        await until_phase(backend, new_id, Phase.READY)
        assert driver.starts(new_id) == 3


async def test_failures_are_retried(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("fail-until 3; ready", retry={"limit": 2, "backoff": "1ms"})
        new_id = await create(backend, new)
        session = await until_phase(backend, new_id, Phase.READY)
        assert (driver.starts(new_id), session.status.attempts) == (3, 2)


async def test_too_many_failures_fail_the_session(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session(
            "terminate ClaudeNotStarted It is missing.; exit 1",
            retry={"limit": 1, "backoff": "1ms"},
        )
        new_id = await create(backend, new)
        session = await until_phase(backend, new_id, Phase.FAILED)
        assert driver.starts(new_id) == 2
        assert session.status.message == "It failed 2 times in a row, at last so: It is missing."
        assert conditions(session)["Complete"] == ("False", Reason.RETRIES_EXHAUSTED)


async def test_what_a_retry_cannot_mend_fails_at_once(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("terminate RepositoryNotFound There is no such repository.; exit 1")
        new_id = await create(backend, new)
        session = await until_phase(backend, new_id, Phase.FAILED)
        assert driver.starts(new_id) == 1
        assert session.status.message == "There is no such repository."
        assert conditions(session)["Ready"] == ("False", Reason.REPOSITORY_NOT_FOUND)


async def test_a_killed_runner_is_started_again(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready")
        new_id = await create(backend, new)
        await until_phase(backend, new_id, Phase.READY)
        os.kill(driver.pid(new_id), signal.SIGKILL)
        await until(backend, new_id, lambda each: each.status.phase is not Phase.READY)
        await until_phase(backend, new_id, Phase.READY)
        assert driver.starts(new_id) == 2


async def test_suspend_keeps_everything_and_resume_goes_on(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready")
        new_id = await create(backend, new)
        await until_phase(backend, new_id, Phase.READY)
        pid = driver.pid(new_id)
        changed = await backend.suspend(new_id, suspend=True)
        assert (changed.spec.suspend, changed.metadata.generation) == (True, 2)
        session = await until_phase(backend, new_id, Phase.SUSPENDED)
        assert conditions(session)["Ready"] == ("False", Reason.REQUESTED)
        assert session.status.claude_session_id == "claude-1"
        assert await asyncio.to_thread(gone, pid)
        await backend.suspend(new_id, suspend=False)
        await until_phase(backend, new_id, Phase.READY)
        assert driver.starts(new_id) == 2


async def test_an_idle_session_is_suspended_and_a_busy_one_is_not(driver: Driver) -> None:
    async with driver.backend() as backend:
        idle = new_session("ready", timeouts={"idle": "300ms"})
        busy = new_session("working", timeouts={"idle": "300ms"})
        waited_for = new_session("ready", timeouts={"idle": "300ms"})
        busy_id, waited_for_id = [await create(backend, each) for each in (busy, waited_for)]
        driver.waiting_inputs.add(waited_for_id)
        idle_id = await create(backend, idle)
        for each_id in (busy_id, waited_for_id, idle_id):
            await until_phase(backend, each_id, Phase.READY)
        session = await until_phase(backend, idle_id, Phase.SUSPENDED)
        assert conditions(session)["Ready"] == ("False", Reason.IDLE)
        assert session.spec.suspend
        for each_id in (busy_id, waited_for_id):
            assert backend.get(each_id).status.phase is Phase.READY


async def test_an_unread_inbox_keeps_a_session_from_being_idle(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready", timeouts={"idle": "300ms"})
        other = new_session("ready", timeouts={"idle": "300ms"})
        new_id = await create(backend, new)
        await driver.redis.xadd(SessionKeys(new_id).inbox, {"input": "{}"})
        other_id = await create(backend, other)
        for each_id in (new_id, other_id):
            await until_phase(backend, each_id, Phase.READY)
        await until_phase(backend, other_id, Phase.SUSPENDED)
        assert backend.get(new_id).status.phase is Phase.READY


async def test_delete_removes_process_files_and_keys(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("orphan; ready")
        new_id = await create(backend, new)
        await until_phase(backend, new_id, Phase.READY)
        pids = (driver.pid(new_id), driver.pid(new_id, "orphan"))
        await backend.delete(new_id)
        with pytest.raises(SessionMissing):
            backend.get(new_id)
        assert backend.list() == []
        await backend.delete(new_id)
        for pid in pids:
            assert await asyncio.to_thread(gone, pid)
    assert not driver.workspace(new_id).parent.exists()
    assert not await driver.redis.exists(SessionKeys(new_id).state)


async def test_a_hundred_bytes_of_nonsense_in_redis_do_no_harm(driver: Driver) -> None:
    async with driver.backend() as backend:
        new, other = new_session("working"), new_session("ready")
        new_id = await create(backend, new)
        await until_phase(backend, new_id, Phase.READY)
        keys = SessionKeys(new_id)
        await driver.redis.hset(keys.state, mapping={"state": b"\xff{" * 50, "heartbeat": "soon"})
        await driver.redis.publish(keys.notify, "state")
        other_id = await create(backend, other)
        await until_phase(backend, other_id, Phase.READY)
        await driver.redis.delete(keys.state)
        await driver.redis.set(keys.state, "no hash at all")
        session = await until(backend, new_id, lambda each: each.status.phase is Phase.STARTING)
        assert session.status.claude_session_id == "claude-1"
