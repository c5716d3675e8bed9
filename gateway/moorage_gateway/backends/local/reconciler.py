"""The loop that keeps sessions as they should be: look, decide, note it, do it.

Deciding and noting happen in one step without waiting, so two runners of one session are
impossible; starting, waiting for ends and deleting are tasks that report back by ``kick``.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from moorage_api.live import LiveStates, Sign
from moorage_api.reasons import Reason
from moorage_gateway.backends.local import policy
from moorage_gateway.backends.local.lifecycle import advance
from moorage_gateway.backends.local.lines import Limits, places
from moorage_gateway.backends.local.observation import Ending, ending
from moorage_gateway.backends.local.processes import bound_log
from moorage_gateway.backends.local.records import Record, Records
from moorage_gateway.backends.local.runners import Runners
from moorage_gateway.backends.local.settings import LocalSettings
from moorage_gateway.backends.local.status import describe
from moorage_gateway.backends.local.store import SessionStore

_log = structlog.get_logger(__name__)
_MOST_ACTIONS = 8
_SLEPT = 10.0
_QUIET = 2.0
"""A session that just became Ready answers its prompt: a spare's imports would slow it down."""

_HUNG = f"The runner gave no sign of life for {policy.SILENT_LIMIT} s and was ended."


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop works with."""

    settings: LocalSettings
    records: Records
    store: SessionStore
    runners: Runners
    live: LiveStates
    clock: Callable[[], datetime]
    chance: Callable[[], float]
    open_inputs: Callable[[str], Awaitable[bool]]


class Reconciler:
    """The loop over all sessions of one backend."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._records = parts.records
        self._wake = asyncio.Event()
        self._kicked: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweep_due = True
        self._closing = False
        self._heard_since = parts.clock()
        self._hears = True
        self._swept = parts.clock()
        self._quiet_from = 0.0

    def kick(self, session_ids: Iterable[str]) -> None:
        """Have a look at these sessions soon."""
        self._kicked.update(session_ids)
        self._wake.set()

    async def run(self) -> None:
        """Reconcile until closed: what was kicked at once, everything in every sweep."""
        while not self._closing:
            if self._sweep_due:
                self._sweep_due = False
                timer = asyncio.get_running_loop().call_later(
                    self._parts.settings.sweep_seconds, self._sweep
                )
                await self._guarded_pass(None)
            else:
                kicked, self._kicked = self._kicked, set()
                await self._guarded_pass(kicked)
            await self._wake.wait()
            self._wake.clear()
        timer.cancel()

    def _sweep(self) -> None:
        self._sweep_due = True
        self._wake.set()

    def stop(self) -> None:
        """Let `run` return, and tell every runner to stop."""
        self._closing = True
        self._wake.set()
        for record in self._records:
            if record.process is not None:
                record.process.terminate()

    async def finish(self) -> None:
        """After `run`: wait until nothing of the runners is left, and write down the last."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        for record in self._records:
            if record.deleted:
                await self._remove(record)
        await self._records.write_changed()

    def kill(self) -> None:
        """Leave the runners no more time."""
        for record in self._records:
            if record.process is not None:
                record.process.kill()

    async def _guarded_pass(self, kicked: set[str] | None) -> None:
        """Make a pass; a mistake in it must not end the loop, the next sweep tries again."""
        try:
            await self._pass(kicked)
        except Exception:
            _log.exception("reconciling failed")

    async def _pass(self, kicked: set[str] | None) -> None:
        chosen = self._due() if kicked is None else [r for r in self._records if r.id in kicked]
        for record in chosen:
            record.rests_until = None
        await self._look(chosen)
        waiting = self._line_up()
        for record in {id(each): each for each in (*chosen, *waiting)}.values():
            self._settle(record)
            await asyncio.sleep(0)  # streams go on in between
        await self._records.write_changed()
        if kicked is None:
            self._bound_logs()
        await self._refill(busy=bool(waiting))

    def _due(self) -> list[Record]:
        """Return the sessions that time alone may have changed."""
        now = self._parts.clock()
        return [each for each in self._records if not each.rests_until or each.rests_until <= now]

    async def _refill(self, *, busy: bool) -> None:
        """Have a spare runner made, once nothing was being started for a while."""
        moment = asyncio.get_running_loop().time()
        if busy or any(policy.starting_since(each.session) for each in self._records):
            self._quiet_from = moment + _QUIET
        elif moment >= self._quiet_from:
            await self._parts.runners.refill()

    async def _look(self, chosen: list[Record]) -> None:
        signs = await self._parts.live.read([each.id for each in chosen if each.seen.running])
        now = self._parts.clock()
        self._note_hearing(now, heard=signs is not None)
        for record in chosen:
            if signs is not None and record.seen.running and record.id in signs:
                self._hear(record, signs[record.id], now)
            await self._look_for_inputs(record, now)

    def _note_hearing(self, now: datetime, *, heard: bool) -> None:
        """Silence counts only from when signs could be heard: Redis away, the machine asleep."""
        slept = (now - self._swept).total_seconds() > _SLEPT + self._parts.settings.sweep_seconds
        if slept or (heard and not self._hears):
            self._heard_since = now
        self._swept, self._hears = now, heard

    def _hear(self, record: Record, sign: Sign, now: datetime) -> None:
        """Take over a sign of the present process; what an earlier one left is none."""
        since = record.seen.since or now
        current = sign.heartbeat is not None and sign.heartbeat >= since - timedelta(milliseconds=1)
        last = max(
            since, self._heard_since, sign.heartbeat if current and sign.heartbeat else since
        )
        record.seen = replace(
            record.seen,
            state=sign.state if current else None,
            silent_seconds=(now - last).total_seconds() if self._hears else 0.0,
        )

    async def _look_for_inputs(self, record: Record, now: datetime) -> None:
        """Find out whether inputs wait, where an idle session is suspended or just was."""
        session, seen = record.session, record.seen
        just_was = seen.ended is not None and policy.suspended_idle(session)
        waiting = False
        if just_was or policy.idle_is_over(session, seen, now):
            waiting = await self._parts.open_inputs(record.id)
            waiting = waiting or await self._parts.live.inbox_waits(record.id)
        record.seen = replace(record.seen, inputs_waiting=waiting)

    def _line_up(self) -> list[Record]:
        """Give every session that wants to start its place, and return these sessions."""
        now = self._parts.clock()
        awake = [each for each in self._records if each.rests_until is None]
        waiting = [
            each
            for each in awake
            if policy.decide(each.session, replace(each.seen, place=0), now) == policy.Start()
        ]
        limits = Limits(self._parts.settings.max_running, self._parts.settings.max_starting)
        phases = [each.session.status.phase for each in self._records if each.seen.running]
        line = places([each.id for each in waiting], phases, limits)
        for record in awake:
            record.seen = replace(record.seen, place=line.get(record.id, 0))
        return waiting

    def _settle(self, record: Record) -> None:
        """Decide and note until nothing is left to do, then say how the session stands."""
        now = self._parts.clock()
        session = record.session
        for _ in range(_MOST_ACTIONS):
            record.seen = replace(record.seen, chance=self._parts.chance())
            action = policy.decide(session, record.seen, now)
            if action is None or record.removing or self._closing:
                break
            session, record.seen = advance(session, record.seen, action, now)
            self._carry_out(record, action)
        if not record.deleted:
            session = describe(session, record.seen, now)
        self._records.change(record, session)
        record.rests_until = policy.rests_until(record.session, record.seen)

    def _carry_out(self, record: Record, action: policy.Action) -> None:
        match action:
            case policy.Start():
                self._spawn(self._run(record))
            case policy.Stop() if record.process is not None:
                (record.process.kill if action.at_once else record.process.terminate)()
            case policy.Finish():
                self._spawn(self._parts.live.expire(record.id))
            case policy.Remove():
                record.removing = True  # now: nothing may be decided before the task runs
                self._spawn(self._remove(record))
            case _:
                pass

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, record: Record) -> None:
        """Start the session's runner and wait for its end."""
        try:
            record.process = await self._parts.runners.start(record.session)
            if record.seen.stopping or self._closing:
                record.process.terminate()
            code = await record.process.wait()
            record.process = None
            ended = await self._ending(record, code)
        except OSError as error:
            ended = _not_started(error)
        if self._closing:
            return
        _log.info("runner ended", session=record.id, code=ended.code)
        record.seen = replace(record.seen, running=False, state=None, ended=ended)
        self.kick([record.id])

    async def _ending(self, record: Record, code: int) -> Ending:
        said = await asyncio.to_thread(self._parts.store.termination, record.id)
        if not self._closing:
            signs = await self._parts.live.read([record.id])
            if signs is not None:
                self._hear(record, signs[record.id], self._parts.clock())
        if record.seen.hung:
            return Ending(code, Reason.RUNNER_FAILED, _HUNG)
        return ending(code, said, record.seen.state)

    async def _remove(self, record: Record) -> None:
        record.removing = True
        await self._records.erase(record)
        await self._parts.live.remove(record.id)
        self._records.forget(record)

    def _bound_logs(self) -> None:
        for record in self._records:
            if record.process is not None:
                with suppress(OSError):
                    bound_log(record.process.log, self._parts.settings.log_bytes)


def _not_started(error: OSError) -> Ending:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    reason = Reason.DISK_FULL if full else Reason.RUNNER_FAILED
    return Ending(1, reason, f"The runner could not be started: {error.strerror or error}.")
