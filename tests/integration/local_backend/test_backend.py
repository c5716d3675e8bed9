"""Sessions from creation to their end, with real processes and a real Redis."""

import asyncio
import os
import signal

import pytest

from moorage_api.keys import SessionKeys
from moorage_api.reasons import Reason
from moorage_api.resources import Activity, Phase
from moorage_gateway.backends.interface import SessionExists, SessionMissing

from .driver import Driver, conditions, gone, new_session, until, until_phase


async def test_a_session_becomes_ready_and_says_so(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready")
        await backend.create(new)
        session = await until_phase(backend, new.session_id, Phase.READY)
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
        assert [each.metadata.uid for each in backend.list()] == [new.session_id]
        assert await backend.ready()


async def test_a_second_create_with_the_same_id_is_refused(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready")
        answers = await asyncio.gather(
            *(backend.create(new) for _ in range(3)), return_exceptions=True
        )
        assert [type(each) for each in answers].count(SessionExists) == 2
        await until_phase(backend, new.session_id, Phase.READY)
        assert driver.starts(new.session_id) == 1


@pytest.mark.parametrize("bad", ["../up", "", ".", "a/b", "x" * 200])
async def test_an_id_that_is_no_folder_name_is_refused(driver: Driver, bad: str) -> None:
    async with driver.backend() as backend:
        new = new_session("ready")
        with pytest.raises(ValueError, match="cannot be a session's id"):
            await backend.create(type(new)(bad, "n", new.spec, {}, {}))


async def test_code_0_is_success_and_the_keys_expire(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready; exit 0")
        await backend.create(new)
        session = await until_phase(backend, new.session_id, Phase.SUCCEEDED)
        assert conditions(session)["Complete"] == ("True", Reason.COMPLETED)
        assert session.status.finished_at is not None
    assert await driver.redis.ttl(SessionKeys(new.session_id).state) > 0


async def test_code_75_starts_again_at_once(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("again-until 3; ready", retry={"limit": 0})
        await backend.create(new)
        await until_phase(backend, new.session_id, Phase.READY)
        assert driver.starts(new.session_id) == 3


async def test_failures_are_retried(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("fail-until 3; ready", retry={"limit": 2, "backoff": "1ms"})
        await backend.create(new)
        session = await until_phase(backend, new.session_id, Phase.READY)
        assert (driver.starts(new.session_id), session.status.attempts) == (3, 2)


async def test_too_many_failures_fail_the_session(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session(
            "terminate ClaudeNotStarted It is missing.; exit 1",
            retry={"limit": 1, "backoff": "1ms"},
        )
        await backend.create(new)
        session = await until_phase(backend, new.session_id, Phase.FAILED)
        assert driver.starts(new.session_id) == 2
        assert session.status.message == "It failed 2 times in a row, at last so: It is missing."
        assert conditions(session)["Complete"] == ("False", Reason.RETRIES_EXHAUSTED)


async def test_what_a_retry_cannot_mend_fails_at_once(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("terminate RepositoryNotFound There is no such repository.; exit 1")
        await backend.create(new)
        session = await until_phase(backend, new.session_id, Phase.FAILED)
        assert driver.starts(new.session_id) == 1
        assert session.status.message == "There is no such repository."
        assert conditions(session)["Ready"] == ("False", Reason.REPOSITORY_NOT_FOUND)


async def test_a_killed_runner_is_started_again(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready")
        await backend.create(new)
        await until_phase(backend, new.session_id, Phase.READY)
        os.kill(driver.pid(new.session_id), signal.SIGKILL)
        await until(backend, new.session_id, lambda each: each.status.phase is not Phase.READY)
        await until_phase(backend, new.session_id, Phase.READY)
        assert driver.starts(new.session_id) == 2


async def test_suspend_keeps_everything_and_resume_goes_on(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready")
        await backend.create(new)
        await until_phase(backend, new.session_id, Phase.READY)
        pid = driver.pid(new.session_id)
        changed = await backend.suspend(new.session_id, suspend=True)
        assert (changed.spec.suspend, changed.metadata.generation) == (True, 2)
        session = await until_phase(backend, new.session_id, Phase.SUSPENDED)
        assert conditions(session)["Ready"] == ("False", Reason.REQUESTED)
        assert session.status.claude_session_id == "claude-1"
        assert await asyncio.to_thread(gone, pid)
        await backend.suspend(new.session_id, suspend=False)
        await until_phase(backend, new.session_id, Phase.READY)
        assert driver.starts(new.session_id) == 2


async def test_an_idle_session_is_suspended_and_a_busy_one_is_not(driver: Driver) -> None:
    async with driver.backend() as backend:
        idle = new_session("ready", timeouts={"idle": "300ms"})
        busy = new_session("working", timeouts={"idle": "300ms"})
        waited_for = new_session("ready", timeouts={"idle": "300ms"})
        driver.waiting_inputs.add(waited_for.session_id)
        for each in (busy, waited_for, idle):
            await backend.create(each)
            await until_phase(backend, each.session_id, Phase.READY)
        session = await until_phase(backend, idle.session_id, Phase.SUSPENDED)
        assert conditions(session)["Ready"] == ("False", Reason.IDLE)
        assert session.spec.suspend
        for each in (busy, waited_for):
            assert backend.get(each.session_id).status.phase is Phase.READY


async def test_an_unread_inbox_keeps_a_session_from_being_idle(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("ready", timeouts={"idle": "300ms"})
        other = new_session("ready", timeouts={"idle": "300ms"})
        await driver.redis.xadd(SessionKeys(new.session_id).inbox, {"input": "{}"})
        for each in (new, other):
            await backend.create(each)
            await until_phase(backend, each.session_id, Phase.READY)
        await until_phase(backend, other.session_id, Phase.SUSPENDED)
        assert backend.get(new.session_id).status.phase is Phase.READY


async def test_delete_removes_process_files_and_keys(driver: Driver) -> None:
    async with driver.backend() as backend:
        new = new_session("orphan; ready")
        await backend.create(new)
        await until_phase(backend, new.session_id, Phase.READY)
        pids = (driver.pid(new.session_id), driver.pid(new.session_id, "orphan"))
        await backend.delete(new.session_id)
        with pytest.raises(SessionMissing):
            backend.get(new.session_id)
        assert backend.list() == []
        await backend.delete(new.session_id)
        for pid in pids:
            assert await asyncio.to_thread(gone, pid)
    assert not driver.workspace(new.session_id).parent.exists()
    assert not await driver.redis.exists(SessionKeys(new.session_id).state)


async def test_a_hundred_bytes_of_nonsense_in_redis_do_no_harm(driver: Driver) -> None:
    async with driver.backend() as backend:
        new, other = new_session("working"), new_session("ready")
        await backend.create(new)
        await until_phase(backend, new.session_id, Phase.READY)
        keys = SessionKeys(new.session_id)
        await driver.redis.hset(keys.state, mapping={"state": b"\xff{" * 50, "heartbeat": "soon"})
        await driver.redis.publish(keys.notify, "state")
        await backend.create(other)
        await until_phase(backend, other.session_id, Phase.READY)
        await driver.redis.delete(keys.state)
        await driver.redis.set(keys.state, "no hash at all")
        session = await until(
            backend, new.session_id, lambda each: each.status.phase is Phase.STARTING
        )
        assert session.status.claude_session_id == "claude-1"
