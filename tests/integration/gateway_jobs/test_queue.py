"""The queue of background jobs: nothing lost, nothing done by two, given up only in the end."""

import asyncio
import sys
import time

import pytest

from moorage_gateway.jobs.queue import ATTEMPTS, FIRST_DELAY_SECONDS
from moorage_testing.jobs import (
    NAME,
    Floor,
    Jobs,
    Notes,
    active,
    change_job,
    due_in,
    pass_time,
    running_jobs,
    until,
)
from moorage_testing.redis import RedisServer


async def idle(jobs: Jobs) -> bool:
    return await jobs.queue.count("queued") == 0 and await jobs.queue.count("active") == 0


async def test_a_duty_is_done_once_by_all_replicas_together(redis_server: RedisServer) -> None:
    floor = Floor()
    url = redis_server.url
    async with running_jobs(url, floor.sweep) as one, running_jobs(url, floor.sweep) as other:
        for done in range(1, 6):
            await until(lambda: _waits(one))
            await pass_time(one.redis)
            await asyncio.gather(one.worker.schedule(), other.worker.schedule())
            await until(lambda done=done: floor.runs >= done)
            await until(lambda: idle(one))
            assert floor.runs == done
            await one.worker.schedule()


async def _waits(jobs: Jobs) -> bool:
    if await due_in(jobs.redis):
        return True
    await jobs.worker.schedule()
    return False


async def test_what_fails_is_tried_again_ever_later_and_then_given_up(
    redis_server: RedisServer,
) -> None:
    floor, notes = Floor(errors=[ValueError("hunter2")] * ATTEMPTS), Notes()
    async with running_jobs(redis_server.url, floor.sweep, notes) as jobs:
        for attempt in range(1, ATTEMPTS):
            began = time.time()
            await jobs.look()
            await until(lambda attempt=attempt: floor.runs == attempt)
            await until(lambda: _waits_again(jobs))
            delay = (await due_in(jobs.redis))[NAME] - began
            assert delay <= FIRST_DELAY_SECONDS * 2 ** (attempt - 1) + time.time() - began
            assert notes.told == []
            (stored,) = await jobs.queue.jobs([f"cron:{NAME}"])
            assert stored is not None
            assert (stored.attempts, stored.error) == (attempt, "ValueError")
        await jobs.look()
        await until(lambda: notes.told != [])
        assert notes.told == [("failed", NAME, "ValueError", ATTEMPTS)]
        # The schedule goes on, and a run that is well says so.
        await until(lambda: _waits(jobs))
        await jobs.look()
        await until(lambda: len(notes.told) > 1)
        assert notes.told[1:] == [("succeeded", NAME)]


async def _waits_again(jobs: Jobs) -> bool:
    return bool(await due_in(jobs.redis)) and await idle(jobs)


async def kill_a_worker(server: RedisServer) -> None:
    """Start a worker of its own process, and kill it in the middle of the duty."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "moorage_testing.jobs",
        server.url,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"begun\n"
    finally:
        process.kill()
        await process.wait()


async def test_what_a_killed_worker_was_at_is_done_by_another(redis_server: RedisServer) -> None:
    await kill_a_worker(redis_server)
    floor, notes = Floor(), Notes()
    async with running_jobs(redis_server.url, floor.sweep, notes) as jobs:
        assert len(await active(jobs.redis)) == 1
        await pass_time(jobs.redis)
        await jobs.queue.sweep(lock=1, abort=0.05)
        assert await active(jobs.redis) == []
        await jobs.look()
        await until(lambda: notes.told != [])
        assert (floor.runs, notes.told) == (1, [("succeeded", NAME)])


async def test_a_duty_that_always_kills_its_worker_is_given_up(redis_server: RedisServer) -> None:
    await kill_a_worker(redis_server)
    notes = Notes()
    async with running_jobs(redis_server.url, Floor().sweep, notes) as jobs:
        (job,) = await active(jobs.redis)
        await change_job(jobs.redis, job, attempts=lambda _: ATTEMPTS)
        await pass_time(jobs.redis)
        await jobs.queue.sweep(lock=1, abort=0.05)
        assert notes.told == [("failed", NAME, "WorkerLost", ATTEMPTS)]


async def test_a_worker_that_ends_leaves_its_job_in_the_queue(redis_server: RedisServer) -> None:
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with running_jobs(redis_server.url, hang) as jobs:
        await jobs.look()
        await begun.wait()
    floor = Floor()
    async with running_jobs(redis_server.url, floor.sweep) as next_one:
        assert await active(next_one.redis) == []
        await next_one.look()
        await until(lambda: floor.runs == 1)


async def test_a_queue_that_was_lost_is_made_anew(redis_server: RedisServer) -> None:
    floor = Floor()
    async with running_jobs(redis_server.url, floor.sweep) as jobs:
        await jobs.look()
        await until(lambda: floor.runs == 1)
        redis_server.kill()
        await jobs.worker.schedule()  # says so, and goes on
        redis_server.start()
        assert await due_in(jobs.redis) == {}
        await until(lambda: _waits(jobs))
        await jobs.look()
        await until(lambda: floor.runs == 2)


async def test_what_cannot_be_noted_is_not_given_up(redis_server: RedisServer) -> None:
    floor = Floor(errors=[ValueError()] * ATTEMPTS)
    notes = Notes(away=True)
    async with running_jobs(redis_server.url, floor.sweep, notes) as jobs:
        for attempt in range(1, ATTEMPTS + 1):
            await jobs.look()
            await until(lambda attempt=attempt: floor.runs == attempt)
            await until(lambda: _waits_again(jobs))
        notes.away = False
        floor.errors = [ValueError()]
        await jobs.look()
        await until(lambda: notes.told != [])
        assert notes.told == [("failed", NAME, "ValueError", ATTEMPTS + 1)]


@pytest.mark.parametrize("times", [1, 3])
async def test_done_now_is_done_once_beside_the_schedule(
    redis_server: RedisServer, times: int
) -> None:
    floor, gate = Floor(), asyncio.Event()

    async def wait_first() -> None:
        await gate.wait()
        await floor.sweep()

    async with running_jobs(redis_server.url, wait_first) as jobs:
        for _ in range(times):
            await jobs.queue.run_now(NAME)
        gate.set()
        await until(lambda: floor.runs == 1)
        await until(lambda: idle(jobs))
        assert floor.runs == 1
        assert NAME in await due_in(jobs.redis)
