"""What a session is made of, wired together."""

from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis

from moorage_api.base import now
from moorage_api.events import Event, SystemData, SystemEvent
from moorage_api.keys import SessionKeys
from moorage_api.quantities import parse_duration
from moorage_api.reasons import Reason
from moorage_api.resources import Phase
from moorage_runner.attempts import Attempts
from moorage_runner.claude import Claude
from moorage_runner.claude.command import conversation_id
from moorage_runner.claude.records import Records
from moorage_runner.claude.transcript import Transcript
from moorage_runner.clone import Progress
from moorage_runner.console import lines_of
from moorage_runner.controls import ControlParts, Controls
from moorage_runner.groundwork import Groundwork
from moorage_runner.inbox import Inbox
from moorage_runner.lines import LineWriter
from moorage_runner.permissions import Permissions
from moorage_runner.prompt_queue import PromptQueue
from moorage_runner.publisher import Publisher
from moorage_runner.settlements import Settlements
from moorage_runner.state import StateKeeper
from moorage_runner.status import Status
from moorage_runner.stream_facts import StreamFacts
from moorage_runner.translate import Translator
from moorage_runner.turns import TurnParts, Turns


class Parts:
    """The parts that are there from a session's start to its end."""

    def __init__(
        self,
        groundwork: Groundwork,
        redis: Redis,
        console: LineWriter,
        hear: Callable[[dict[str, Any]], None],
    ) -> None:
        settings = groundwork.settings
        self.settings = settings
        self.spec = groundwork.spec
        self.redis = redis
        self._console = console
        self.keys = SessionKeys(settings.session_id)
        self.workspace = groundwork.workspace
        self.conversation = conversation_id(settings.session_id)
        self.launcher = groundwork.launcher
        self.agent = groundwork.agent
        self.records = Records(
            self.conversation,
            self.workspace.repo,
            settings.records_home,
            self.launcher,
            self.workspace.home / ".claude",
        )
        self.state = StateKeeper(redis, self.keys)
        self.publisher = Publisher(
            redis, self.keys, listener=self._show, state_written=self.state.flushed
        )
        self.status = Status(self.state, self.publisher.publish)
        self.inbox = Inbox(redis, self.keys)
        self.settlements = Settlements(redis, self.keys, self.inbox, self.publisher.flushed)
        self.queue = PromptQueue()
        self.claude = Claude(hear)
        self.permissions = Permissions(
            self.workspace.repo,
            parse_duration(self.spec.timeouts.approval),
            self.publisher.publish,
            self.settlements.settle,
            self.status.approvals,
        )

    def _show(self, event: Event) -> None:
        for line in lines_of(event, str(self.workspace.repo)):
            self._console.write(line)

    def tell_of_clone(self, progress: Progress) -> None:
        """Publish how far a clone is; the state tells what it waits for."""
        percent = f" {progress.percent} %" if progress.percent is not None else ""
        words = f"{progress.repository}: {progress.stage}{percent}"
        if progress.waits:
            self.status.enter(Phase.STARTING, Reason.STARTING, words)
        data = SystemData(
            subtype="clone_progress",
            message=words,
            detail={
                "repository": progress.repository,
                "stage": progress.stage,
                "percent": progress.percent,
            },
        )
        self.publisher.publish(SystemEvent(timestamp=now(), data=data))


def make_turns(
    parts: Parts, attempts: Attempts, stream: StreamFacts, transcript: Transcript
) -> Turns:
    """Make what answers prompts."""
    turn_parts = TurnParts(
        session_id=parts.settings.session_id,
        spec=parts.spec,
        translator=Translator(),
        publish=parts.publisher.publish,
        status=parts.status,
        state=parts.state,
        permissions=parts.permissions,
        settlements=parts.settlements,
        attempts=attempts,
    )
    return Turns(turn_parts, stream, transcript)


def make_controls(parts: Parts, turns: Turns) -> Controls:
    """Make what brings inputs to where they take effect."""
    return Controls(
        ControlParts(
            claude=parts.claude,
            queue=parts.queue,
            turns=turns,
            permissions=parts.permissions,
            settlements=parts.settlements,
            state=parts.state,
            status=parts.status,
            publish=parts.publisher.publish,
        )
    )
