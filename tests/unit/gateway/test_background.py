"""Background tasks are kept running, and end when told to, whatever they do."""

import asyncio

import structlog

from moorage_gateway.background import Background, Supervisor


async def test_a_task_that_dies_is_started_again_with_longer_and_longer_waits() -> None:
    waits: list[float] = []
    tries = 0

    async def dies() -> None:
        nonlocal tries
        tries += 1
        if tries % 2:
            raise ZeroDivisionError

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        assert supervisor.down == {"task": "ZeroDivisionError" if tries % 2 else "ended"}
        if len(waits) == 12:
            await asyncio.Event().wait()

    supervisor = Supervisor([Background("task", dies)], sleep=sleep)
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(supervisor.run())
        while len(waits) < 12:  # noqa: ASYNC110 - nothing here takes time
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
    assert running.cancelled()
    assert 0.16 <= waits[0] <= 0.24
    assert 24 <= waits[-1] <= 36
    assert len(logs) == 12


async def test_an_error_on_the_way_out_does_not_hide_the_end() -> None:
    started = asyncio.Event()

    async def stubborn() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError from None

    running = asyncio.create_task(Supervisor([Background("stubborn", stubborn)]).run())
    await started.wait()
    running.cancel()
    async with asyncio.timeout(1):
        await asyncio.wait([running])
    assert running.done()
