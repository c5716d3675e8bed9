"""A session from its start to its end: prepares, connects, answers, stops."""

import asyncio
import os
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from redis.asyncio import Redis

from moorage_api import collector
from moorage_api.base import now
from moorage_api.events import SystemData, SystemEvent
from moorage_api.reasons import ExitCode, Reason
from moorage_api.redis_client import make_redis
from moorage_api.redis_tls import RedisTls
from moorage_api.resources import Phase
from moorage_api.tasks import end
from moorage_runner.answering import Answering
from moorage_runner.attempts import Attempts
from moorage_runner.budget import remaining_usd
from moorage_runner.claude import Conversation, build_command, sdk
from moorage_runner.claude.orphans import end_leftovers, launcher
from moorage_runner.claude.transcript import Transcript
from moorage_runner.clone import Prepared
from moorage_runner.errors import RunnerError
from moorage_runner.files import server
from moorage_runner.groundwork import Groundwork
from moorage_runner.lines import LineWriter
from moorage_runner.logs import get_logger
from moorage_runner.parts import Parts, make_controls, make_turns
from moorage_runner.prompt_queue import Job
from moorage_runner.recovery import Found, find, first_prompt
from moorage_runner.retry import RetryPolicy
from moorage_runner.turns import Turns

_FLUSH_SECONDS = 5.0
_LOST_SECONDS = 0.5
_TELL_AFTER = 1.0
_Result = TypeVar("_Result")


async def run(
    groundwork: Groundwork, console: LineWriter, policy: RetryPolicy | None, stop: asyncio.Event
) -> int:
    """Run a session whose first steps have begun, until it is complete or told to stop.

    Raises:
        RunnerError: it failed; the state says so as well.
    """
    url = groundwork.settings.redis_url.get_secret_value()
    tls = RedisTls(groundwork.settings.redis_ca)
    redis = make_redis(url, client_name="moorage-runner", tls=tls)
    try:
        return await Session(groundwork, redis, console, policy or RetryPolicy()).run(stop)
    finally:
        await redis.aclose()


class Session:
    """One session. `run` is called once."""

    def __init__(
        self,
        groundwork: Groundwork,
        redis: Redis,
        console: LineWriter,
        policy: RetryPolicy,
    ) -> None:
        self._groundwork = groundwork
        self._parts = Parts(groundwork, redis, console, self._hear)
        self._policy = policy
        self._turns: Turns | None = None
        self._prepared = Prepared(None)
        self._starting: list[asyncio.Task[Any]] = []

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
                    code = await self._work(group, tasks, stop)
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
            await self._parts.state.write_once()
        if failure:
            raise failure
        return code

    async def _work(
        self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]], stop: asyncio.Event
    ) -> int:
        """Start and answer, as long as there is an agent, where there is one at all."""
        agent, main = self._parts.agent, self._main(group, tasks, stop)
        if agent is None:
            return await main
        working = asyncio.create_task(main, name="main")
        lost = asyncio.create_task(agent.lost(), name="agent-lost")
        try:
            await asyncio.wait({working, lost}, return_when="FIRST_COMPLETED")
            if working.done() and working.exception():
                # An agent that ends takes Claude Code along: its end may be heard of first.
                await asyncio.wait({lost}, timeout=_LOST_SECONDS)
            return lost.result() if lost.done() else working.result()
        finally:
            await end(working, lost)

    async def _main(
        self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]], stop: asyncio.Event
    ) -> int:
        """Start, then answer prompts."""
        starting = asyncio.create_task(self._start(group, tasks), name="start")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({starting, stopped}, return_when="FIRST_COMPLETED")
            if starting.done():
                return await Answering(self._parts, starting.result()).run(stop)
            self._parts.status.enter(Phase.SUSPENDING, Reason.REQUESTED)
            return ExitCode.AGAIN
        finally:
            await end(starting, stopped)

    async def _start(self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]]) -> Turns:
        """Find what was left, start Claude Code on the clone."""
        parts = self._parts
        self._begin(self._load())
        reading = self._begin(self._read_disk())
        redis_patience = self._policy.redis_at_start
        found = await find(parts.redis, parts.keys, parts.state, parts.inbox, redis_patience)
        self._take_over(found)
        writers = (parts.publisher, parts.state, parts.settlements)
        tasks += [group.create_task(writer.run()) for writer in writers]
        self._groundwork.listen(parts.tell_of_clone)
        await self._tell_of_wait(self._groundwork.reaching)
        transcript = await reading
        self._turns = make_turns(parts, self._make_attempts(), found.stream, transcript)
        controls = make_controls(parts, self._turns)
        self._queue_first(found, transcript)
        tasks.append(group.create_task(parts.inbox.run(controls.take), name="inbox"))
        self._prepared = await self._groundwork.cloning
        parts.state.change(start_commit=self._prepared.start_commit)
        tasks.append(group.create_task(self._serve_files(), name="files"))
        await self._connect(transcript)
        tasks.append(group.create_task(controls.run(), name="controls"))
        parts.status.enter(Phase.READY, Reason.RUNNING)
        return self._turns

    # Start

    def _begin(self, work: Coroutine[Any, Any, _Result]) -> asyncio.Task[_Result]:
        """Begin a part of the start beside the others; it ends with the session."""
        task = asyncio.create_task(work)
        self._starting.append(task)
        return task

    async def _load(self) -> None:
        """Import what is left to import."""
        await sdk.load()
        collector.settle()

    async def _tell_of_wait(self, reaching: asyncio.Task[None]) -> None:
        await asyncio.wait({reaching}, timeout=_TELL_AFTER)
        if not reaching.done():
            words = "Waits for the agent container: its image may still be pulled."
            self._parts.status.enter(Phase.STARTING, Reason.STARTING, words)

    async def _read_disk(self) -> Transcript:
        """End what a killed runner left behind, then read what it got done."""
        await self._groundwork.reaching
        if self._parts.agent is None:
            home = self._parts.workspace.home
            ended = await asyncio.to_thread(end_leftovers, home / ".claude")
            get_logger().info("ended what was left running", processes=ended)
        return await self._read_transcript()

    async def _read_transcript(self) -> Transcript:
        try:
            return await self._parts.records.read()
        except (OSError, TimeoutError) as error:
            message = f"The conversation so far cannot be read ({type(error).__name__})."
            raise RunnerError(message) from error

    def _take_over(self, found: Found) -> None:
        """Go on with the state that the runner before left."""
        parts = self._parts
        parts.publisher.start_above(found.stream.last_id)
        before = found.state
        parts.state.change(
            usage=found.usage,
            last_turn_id=found.last_turn_id,
            last_turn_outcome=before.last_turn_outcome if before else None,
            last_input_id=before.last_input_id if before else None,
            last_activity_at=(before.last_activity_at if before else None) or now(),
            claude_session_id=before.claude_session_id if before else None,
            permission_mode=(before.permission_mode if before else None)
            or parts.spec.claude.permission_mode,
            model=(before.model if before else None) or parts.spec.claude.model,
            start_commit=before.start_commit if before else None,
        )
        parts.status.enter(Phase.STARTING, Reason.STARTING)
        parts.permissions.recall(found.approvals)

    def _queue_first(self, found: Found, transcript: Transcript) -> None:
        """Put the spec's prompt at the head of the queue."""
        parts = self._parts
        parts.inbox.reserve(f"{parts.settings.session_id}:prompt")
        prompt = first_prompt(parts.settings.session_id, parts.spec, found, transcript)
        if prompt:
            parts.queue.add(Job(prompt, None))
        if found.last_turn_id and not transcript.exists:
            data = SystemData(
                subtype="conversation_lost",
                message="The workspace is new: Claude does not remember the conversation so far.",
            )
            parts.publisher.publish(SystemEvent(timestamp=now(), data=data))

    async def _connect(self, transcript: Transcript) -> None:
        """Start Claude Code, with the conversation so far if there is one."""
        parts = self._parts
        state = parts.state.now
        conversation = Conversation(
            id=parts.conversation,
            resume=transcript.exists,
            permission_mode=state.permission_mode or parts.spec.claude.permission_mode,
            model=state.model,
            remaining_usd=remaining_usd(parts.spec.budget, state.usage),
            is_root=(parts.launcher.user if parts.agent else os.geteuid()) == 0,
            program=parts.settings.cli_path or launcher(parts.workspace.records),
            sdk_version=sdk.version(),
            add_dirs=self._prepared.additional,
        )
        command = build_command(parts.settings, parts.spec, conversation)
        await parts.claude.connect(command, parts.permissions.ask)

    async def _connect_again(self) -> None:
        await self._connect(await self._read_transcript())

    async def _is_written(self, name: str) -> bool:
        return (await self._read_transcript()).holds(name)

    async def _serve_files(self) -> None:
        parts = self._parts
        await server.serve(parts.redis, parts.keys, parts.workspace, self._prepared.start_commit)

    # End

    def _fail(self, error: RunnerError) -> None:
        get_logger().error("session failed", reason=error.reason.value)
        if error.exit_code == ExitCode.FAILED:
            self._parts.status.enter(Phase.FAILED, error.reason, error.message)

    async def _close(self, stop: asyncio.Event) -> None:
        """End Claude Code and bring to Redis what is left, as far as it goes in some seconds."""
        parts = self._parts
        stop.set()
        await end(*self._starting)
        await asyncio.gather(*self._starting, return_exceptions=True)
        await self._groundwork.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await asyncio.gather(
                    parts.publisher.flushed(),
                    parts.state.flushed(),
                    parts.settlements.finished(),
                )
        await parts.claude.close()
        await parts.records.close()
        if parts.agent:
            await parts.agent.close()

    def _make_attempts(self) -> Attempts:
        parts = self._parts
        return Attempts(
            parts.claude,
            parts.publisher.publish,
            self._connect_again,
            self._is_written,
            lambda limited: parts.status.rate_limited(limited=limited),
            self._policy,
        )

    def _hear(self, raw: dict[str, object]) -> None:
        if self._turns:
            self._turns.hear(raw)


def _kinds(group: BaseExceptionGroup[BaseException]) -> str:
    return ", ".join(sorted({type(error).__name__ for error in group.exceptions}))
