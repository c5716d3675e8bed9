"""A session from its start to its end: prepares, connects, answers, stops."""

import asyncio
import os
from contextlib import suppress
from datetime import timedelta

from redis.asyncio import Redis

from moorage_api.base import now
from moorage_api.events import Event, SystemData, SystemEvent
from moorage_api.keys import SessionKeys
from moorage_api.quantities import parse_duration
from moorage_api.reasons import ExitCode, Reason
from moorage_api.resources import Phase, SessionSpec
from moorage_runner.attempts import Attempts
from moorage_runner.budget import remaining_usd
from moorage_runner.claude import Claude, Conversation, build_options
from moorage_runner.claude import transcript as transcripts
from moorage_runner.claude.options import conversation_id
from moorage_runner.claude.orphans import end_leftovers, launcher
from moorage_runner.claude.transcript import Transcript
from moorage_runner.clone import CloneError, Prepared, Progress, prepare
from moorage_runner.console import lines_of
from moorage_runner.controls import ControlParts, Controls
from moorage_runner.errors import BatchFailedError, RepositoryError, RunnerError
from moorage_runner.files import server
from moorage_runner.inbox import Inbox
from moorage_runner.lines import LineWriter
from moorage_runner.logs import get_logger
from moorage_runner.permissions import Permissions
from moorage_runner.prompt_queue import Job, PromptQueue
from moorage_runner.publisher import Publisher
from moorage_runner.recovery import Found, find, first_prompt
from moorage_runner.retry import GiveUp, RetryPolicy
from moorage_runner.settings import RunnerSettings
from moorage_runner.settlements import Settlements
from moorage_runner.state import StateKeeper
from moorage_runner.status import Status
from moorage_runner.tasks import end
from moorage_runner.translate import Translator
from moorage_runner.turns import TurnParts, Turns
from moorage_runner.workspace import Workspace

_CLOSING_SECONDS = 7.0
"""What is kept of the grace time for interrupting, flushing and ending Claude Code."""

_FLUSH_SECONDS = 5.0
_SUSPEND_SECONDS = 4.0


class Session:
    """One session. `run` is called once."""

    def __init__(
        self,
        settings: RunnerSettings,
        spec: SessionSpec,
        redis: Redis,
        console: LineWriter,
        policy: RetryPolicy,
    ) -> None:
        self._settings = settings
        self._spec = spec
        self._redis = redis
        self._console = console
        self._policy = policy
        self._keys = SessionKeys(settings.session_id)
        self._workspace = Workspace(settings.workspace)
        self._conversation = conversation_id(settings.session_id)
        self._state = StateKeeper(redis, self._keys)
        self._publisher = Publisher(
            redis, self._keys, listener=self._show, state_written=self._state.flushed
        )
        self._status = Status(self._state, self._publisher.publish)
        self._inbox = Inbox(redis, self._keys)
        self._settlements = Settlements(redis, self._keys, self._inbox, self._publisher.flushed)
        self._queue = PromptQueue()
        self._translator = Translator()
        self._claude = Claude(self._hear)
        self._permissions = self._make_permissions()
        self._turns: Turns | None = None
        self._prepared = Prepared(None)
        self._starting: list[asyncio.Task[Prepared]] = []

    async def run(self, stop: asyncio.Event) -> int:
        """Run until the session is complete or told to stop; return the exit code.

        Raises:
            RunnerError: it failed; the state says so as well.
        """
        code, failure = int(ExitCode.FAILED), None
        try:
            async with asyncio.TaskGroup() as group:
                tasks: list[asyncio.Task[None]] = []
                try:
                    code = await self._main(group, tasks, stop)
                except RunnerError as error:
                    failure = error
                    self._fail(error)
                finally:
                    await self._close(stop)
                    await end(*tasks)
        except ExceptionGroup as group_error:
            get_logger().exception("runner failed")
            failure = RunnerError(f"The runner failed ({_kinds(group_error)}).")
            self._fail(failure)
            await self._state.write_once()
        if failure:
            raise failure
        return code

    async def _main(
        self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]], stop: asyncio.Event
    ) -> int:
        """Start, then answer prompts."""
        starting = asyncio.create_task(self._start(group, tasks), name="start")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({starting, stopped}, return_when="FIRST_COMPLETED")
            if starting.done():
                return await self._answer_all(starting.result(), stop)
            self._status.enter(Phase.SUSPENDING, Reason.REQUESTED)
            return ExitCode.AGAIN
        finally:
            await end(starting, stopped)

    async def _start(self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]]) -> Turns:
        """Find what was left, clone, start Claude Code."""
        clone = asyncio.create_task(self._prepare(), name="clone")
        self._starting.append(clone)
        transcript, found = await asyncio.gather(
            asyncio.to_thread(self._read_disk),
            find(self._redis, self._keys, self._state, self._inbox, self._policy.redis_at_start),
        )
        self._take_over(found)
        writers = (self._publisher, self._state, self._settlements)
        tasks += [group.create_task(writer.run()) for writer in writers]
        self._turns = self._make_turns(found, transcript)
        controls = self._make_controls(self._turns)
        self._queue_first(found, transcript)
        tasks.append(group.create_task(self._inbox.run(controls.take), name="inbox"))
        self._prepared = await clone
        self._state.change(start_commit=self._prepared.start_commit)
        tasks.append(group.create_task(self._serve_files(), name="files"))
        await self._connect()
        tasks.append(group.create_task(controls.run(), name="controls"))
        self._status.enter(Phase.READY, Reason.RUNNING)
        return self._turns

    # Start

    async def _prepare(self) -> Prepared:
        timeout = parse_duration(self._spec.timeouts.start).total_seconds()
        try:
            self._workspace.create()
            return await prepare(self._spec, self._workspace, self._tell_of_clone, timeout=timeout)
        except CloneError as error:
            raise RepositoryError(error.reason, error.message) from error
        except OSError as error:
            message = f"The workspace cannot be written: {error.strerror}."
            raise RepositoryError(Reason.RUNNER_FAILED, message) from error

    def _read_disk(self) -> Transcript:
        """End what a killed runner left behind, then read what it got done."""
        if self._workspace.home.exists():
            ended = end_leftovers(self._workspace.home / ".claude")
            get_logger().info("ended what was left running", processes=ended)
        return self._read_transcript()

    def _read_transcript(self) -> Transcript:
        workspace = self._workspace
        return transcripts.read(self._conversation, workspace.repo, workspace.home)

    def _take_over(self, found: Found) -> None:
        """Go on with the state that the runner before left."""
        self._publisher.start_above(found.stream.last_id)
        before = found.state
        self._state.change(
            usage=found.usage,
            last_turn_id=found.last_turn_id,
            last_turn_outcome=before.last_turn_outcome if before else None,
            last_input_id=before.last_input_id if before else None,
            last_activity_at=(before.last_activity_at if before else None) or now(),
            claude_session_id=before.claude_session_id if before else None,
            permission_mode=(before.permission_mode if before else None)
            or self._spec.claude.permission_mode,
            model=(before.model if before else None) or self._spec.claude.model,
            start_commit=before.start_commit if before else None,
        )
        self._status.enter(Phase.STARTING, Reason.STARTING)
        self._permissions.recall(found.approvals)

    def _queue_first(self, found: Found, transcript: Transcript) -> None:
        """Put the spec's prompt at the head of the queue."""
        self._inbox.reserve(f"{self._settings.session_id}:prompt")
        prompt = first_prompt(self._settings.session_id, self._spec, found, transcript)
        if prompt:
            self._queue.add(Job(prompt, None))
        if found.last_turn_id and not transcript.exists:
            data = SystemData(
                subtype="conversation_lost",
                message="The workspace is new: Claude does not remember the conversation so far.",
            )
            self._publisher.publish(SystemEvent(timestamp=now(), data=data))

    async def _connect(self) -> None:
        """Start Claude Code, with the conversation so far if there is one."""
        transcript = await asyncio.to_thread(self._read_transcript)
        state = self._state.now
        conversation = Conversation(
            id=self._conversation,
            resume=transcript.exists,
            permission_mode=state.permission_mode or self._spec.claude.permission_mode,
            model=state.model,
            remaining_usd=remaining_usd(self._spec.budget, state.usage),
            is_root=os.geteuid() == 0,
            program=launcher(self._workspace.records),
            add_dirs=self._prepared.additional,
        )
        options = build_options(self._settings, self._spec, conversation)
        options.can_use_tool = self._permissions.ask
        await self._claude.connect(options)

    async def _is_written(self, name: str) -> bool:
        transcript = await asyncio.to_thread(self._read_transcript)
        return transcript.holds(name)

    async def _serve_files(self) -> None:
        await server.serve(self._redis, self._keys, self._workspace, self._prepared.start_commit)

    # Work

    async def _answer_all(self, turns: Turns, stop: asyncio.Event) -> int:
        """Answer prompts until the batch is done, or until told to stop."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                given_up = await self._answer_next(turns, stopped)
                if not self._spec.interactive and not stop.is_set() and not len(self._queue):
                    return await self._complete(turns, given_up)
            self._status.enter(Phase.SUSPENDING, Reason.REQUESTED)
            return ExitCode.AGAIN
        finally:
            stopped.cancel()

    async def _answer_next(self, turns: Turns, stopped: asyncio.Task[bool]) -> GiveUp | None:
        if self._spec.interactive or len(self._queue):
            waiting = asyncio.create_task(self._queue.next())
            await asyncio.wait({waiting, stopped}, return_when="FIRST_COMPLETED")
            if not waiting.done():
                waiting.cancel()
                return None
            self._status.queued(len(self._queue))
            answering = asyncio.create_task(turns.answer(waiting.result()))
            try:
                await asyncio.wait({answering, stopped}, return_when="FIRST_COMPLETED")
                if not answering.done():
                    await self._stop_answering(turns, answering)
                return await answering
            finally:
                answering.cancel()
        return None

    async def _stop_answering(self, turns: Turns, answering: asyncio.Task[GiveUp | None]) -> None:
        """Let the turn end by itself if it does so soon; else leave it for the next start."""
        self._status.enter(Phase.SUSPENDING, Reason.REQUESTED)
        patience = self._settings.grace_seconds - _CLOSING_SECONDS
        if patience > 0 and not self._state.now.pending_approvals:
            await asyncio.wait({answering}, timeout=patience)
        if not answering.done():
            turns.suspend()
            await asyncio.wait({answering}, timeout=_SUSPEND_SECONDS)

    async def _complete(self, turns: Turns, given_up: GiveUp | None) -> int:
        """End a batch session."""
        if given_up:
            known = set(Reason)
            reason = Reason(given_up.reason) if given_up.reason in known else None
            raise BatchFailedError(reason or Reason.RUNNER_FAILED, given_up.message)
        lifetime = parse_duration(self._spec.timeouts.lifetime).total_seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(lifetime):
                await turns.quiet.wait()
        self._status.enter(Phase.SUCCEEDED, Reason.COMPLETED)
        return ExitCode.COMPLETE

    # End

    def _fail(self, error: RunnerError) -> None:
        get_logger().error("session failed", reason=error.reason.value)
        if error.exit_code == ExitCode.FAILED:
            self._status.enter(Phase.FAILED, error.reason, error.message)

    async def _close(self, stop: asyncio.Event) -> None:
        """End Claude Code and bring to Redis what is left, as far as it goes in some seconds."""
        stop.set()
        for task in self._starting:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await asyncio.gather(
                    self._publisher.flushed(), self._state.flushed(), self._settlements.finished()
                )
        await self._claude.close()

    # Wiring

    def _make_permissions(self) -> Permissions:
        expiry: timedelta = parse_duration(self._spec.timeouts.approval)
        return Permissions(
            self._workspace.repo,
            expiry,
            self._publisher.publish,
            self._settlements.settle,
            self._status.approvals,
        )

    def _make_turns(self, found: Found, transcript: Transcript) -> Turns:
        attempts = Attempts(
            self._claude,
            self._publisher.publish,
            self._connect,
            self._is_written,
            lambda limited: self._status.rate_limited(limited=limited),
            self._policy,
        )
        parts = TurnParts(
            session_id=self._settings.session_id,
            spec=self._spec,
            translator=self._translator,
            publish=self._publisher.publish,
            status=self._status,
            state=self._state,
            permissions=self._permissions,
            settlements=self._settlements,
            attempts=attempts,
        )
        return Turns(parts, found.stream, transcript)

    def _make_controls(self, turns: Turns) -> Controls:
        return Controls(
            ControlParts(
                claude=self._claude,
                queue=self._queue,
                turns=turns,
                permissions=self._permissions,
                settlements=self._settlements,
                state=self._state,
                status=self._status,
                publish=self._publisher.publish,
            )
        )

    def _hear(self, raw: dict[str, object]) -> None:
        if self._turns:
            self._turns.hear(raw)

    def _show(self, event: Event) -> None:
        for line in lines_of(event, str(self._workspace.repo)):
            self._console.write(line)

    def _tell_of_clone(self, progress: Progress) -> None:
        percent = f" {progress.percent} %" if progress.percent is not None else ""
        data = SystemData(
            subtype="clone_progress",
            message=f"{progress.repository}: {progress.stage}{percent}",
            detail={
                "repository": progress.repository,
                "stage": progress.stage,
                "percent": progress.percent,
            },
        )
        self._publisher.publish(SystemEvent(timestamp=now(), data=data))


def _kinds(group: BaseExceptionGroup[BaseException]) -> str:
    return ", ".join(sorted({type(error).__name__ for error in group.exceptions}))
